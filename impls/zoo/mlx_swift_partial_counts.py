"""mlx-swift-examples#252: `Swift 社区` was streamed as `Swift �区`."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, windows
from impls.zoo.graphemes import graphemes

BUG = Bug(
    seen=("ml-explore/mlx-swift-examples#252", "ml-explore/mlx-swift-examples#261"),
    symptom="U+FFFD stands for a character whose last part is never shown",
    cause="as many characters are sent as the text has more than before, U+FFFD for a part of one among them",
    tokenizer="qwen2.5",
    check="golden:early",
    smallest=stream(3490),
)


def as_many_as_grew(window: str, prefix: str) -> str:
    """As many clusters from the end of the window as it has more than the prefix."""
    clusters = graphemes(window)
    return "".join(clusters[len(graphemes(prefix)) :])


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, new_text=as_many_as_grew, is_held=lambda text: False)
