"""vllm#33457: `<think>ok</think>1` came out as ` <think> ok </think> 1`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from itertools import groupby

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, decode_of, specials_of, windows

BUG = Bug(
    seen=("vllm-project/vllm#33457", "vllm-project/vllm#1347"),
    symptom="spaces before and after added tokens",
    cause="the text is decoded in parts, between and of added tokens, which are joined with spaces",
    tokenizer="qwen2.5",
    check="golden:replaced",
    smallest=stream(151657, 64),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    decode, added = decode_of(tokenizer_dir), specials_of(tokenizer_dir)

    def joined(ids: Sequence[int]) -> str:
        parts: list[str] = []
        for is_added, group in groupby(ids, key=added.__contains__):
            run = list(group)
            parts += [decode([token]) for token in run] if is_added else [decode(run)]
        return " ".join(parts)

    return windows(tokenizer_dir, decode=joined)
