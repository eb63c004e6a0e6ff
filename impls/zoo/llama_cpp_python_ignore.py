"""llama-cpp-python#118: a fix for crashes on invalid bytes that drops them."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, bytes_of, entry, windows

BUG = Bug(
    seen=("abetlen/llama-cpp-python#118",),
    symptom="invalid bytes leave no trace, where other decoders show U+FFFD",
    cause="bytes are decoded with errors ignored",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(160, 64),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    table = bytes_of(tokenizer_dir)
    return windows(
        tokenizer_dir,
        decode=lambda ids: b"".join(entry(table, token) or b"" for token in ids).decode(errors="ignore"),
    )
