"""vllm#17448: the engine ended with "Invalid prefix encountered" on byte_fallback models."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, after_prefix, windows

BUG = Bug(
    seen=("vllm-project/vllm#17448", "tokenizers DecodeStream 0.21"),
    symptom="an exception where invalid bytes follow a character of byte tokens",
    cause="the window must begin with its prefix, and one more byte makes a run of byte tokens another text",
    tokenizer="llama2",
    check="golden:error",
    smallest=stream(100, 231, 263),
)


def checked(window: str, prefix: str) -> str:
    """The new text, if the window begins with the prefix."""
    new = after_prefix(window, prefix)
    if new and not new.endswith("\ufffd") and not window.startswith(prefix):
        raise RuntimeError("Invalid prefix encountered")
    return new


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, new_text=checked)
