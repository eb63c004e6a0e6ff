"""mlx-swift-lm#612: `e`, U+0301, `x` came out as `eéx`, and 🏳️‍🌈 with three flags too many."""

from __future__ import annotations

import pathlib
from itertools import takewhile

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, windows
from impls.zoo.graphemes import graphemes

BUG = Bug(
    seen=("ml-explore/mlx-swift-lm#612",),
    symptom="a character is there twice, when a mark or joiner follows in a token of its own",
    cause="the common prefix of old and new text is measured in grapheme clusters",
    tokenizer="qwen2.5",
    check="golden:doubled",
    smallest=stream(68, 53839),
)


def after_common(window: str, prefix: str) -> str:
    """What follows the clusters that both texts begin with."""
    pairs = list(zip(graphemes(window), graphemes(prefix), strict=False))
    common = sum(len(one) for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return window[common:]


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, new_text=after_common)
