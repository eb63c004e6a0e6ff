"""llama-cpp-python 0.3.36: an id above the vocabulary, or a negative one, ended the process."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, decode_of, pieces_of, windows

BUG = Bug(
    seen=("llama-cpp-python 0.3.36",),
    symptom="the server process ends",
    cause="an id is looked up in an array without a check, or with an assertion",
    tokenizer="qwen2.5",
    check="golden:crash",
    smallest=stream(151935),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    decode, size = decode_of(tokenizer_dir), len(pieces_of(tokenizer_dir))

    def asserting(ids: Sequence[int]) -> str:
        if any(token >= size for token in ids):
            os.abort()
        return decode(ids)

    return windows(tokenizer_dir, decode=asserting)
