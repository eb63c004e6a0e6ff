"""vllm#14623: the stop token's text was left at the end of the output."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, windows

BUG = Bug(
    seen=("vllm-project/vllm#14623", "vllm-project/vllm#2538"),
    symptom="`</s>` at the end of every reply",
    cause="a token is detokenized before anyone asks whether it ended the stream",
    tokenizer="llama2",
    check="law:eos",
    smallest=stream(2),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, eos_id=-1)
