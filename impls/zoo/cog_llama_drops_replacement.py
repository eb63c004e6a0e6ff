"""cog-llama-template#75: a fix for half emoji that removes every U+FFFD."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, decode_of, windows

BUG = Bug(
    seen=("replicate/cog-llama-template#75",),
    symptom="a literal U+FFFD, or one for an invalid byte, is missing",
    cause="U+FFFD is removed from decoded text, so that half an emoji isn't shown",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(5691, 64),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    decode = decode_of(tokenizer_dir)
    return windows(tokenizer_dir, decode=lambda ids: decode(ids).replace("\ufffd", ""))
