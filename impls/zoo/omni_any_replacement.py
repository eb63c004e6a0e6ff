"""sglang-omni#2124: after a literal U+FFFD the stream stood still."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, windows

BUG = Bug(
    seen=("sgl-project/sglang-omni#2124",),
    symptom="nothing more is sent after a literal U+FFFD",
    cause="text with a U+FFFD anywhere in it is taken for unfinished",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(5691, 64),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, is_held=lambda text: "\ufffd" in text)
