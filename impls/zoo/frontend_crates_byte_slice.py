"""frontend-crates#88: "byte index is not a char boundary" ended replies in Chinese and with emoji."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, windows

BUG = Bug(
    seen=("ai-dynamo/frontend-crates#88", "ai-dynamo/frontend-crates#186", "vllm-project/vllm#44620"),
    symptom="a panic while the reply is streamed",
    cause="the window is cut at as many bytes as the prefix has, which may be inside a character",
    tokenizer="llama2",
    check="golden:error",
    smallest=stream(100, 231),
)


def after_bytes(window: str, prefix: str) -> str:
    """What follows as many bytes as the prefix has; raises inside a character."""
    return window.encode()[len(prefix.encode()) :].decode()


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, new_text=after_bytes)
