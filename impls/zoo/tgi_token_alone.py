"""text-generation-inference#131: streamed emoji and Korean came out as U+FFFD."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Alone, Detokenizer, decode_of, eos_of

BUG = Bug(
    seen=(
        "huggingface/text-generation-inference#131",
        "huggingface/text-generation-inference#333",
        "deepjavalibrary/djl-serving#3085",
        "smg 1.13.0 /generate",
    ),
    symptom="a U+FFFD for each part of a character",
    cause="each token is decoded alone",
    tokenizer="qwen2.5",
    check="golden:early",
    smallest=stream(160),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: Alone(decode_of(tokenizer_dir)), eos_of(tokenizer_dir))
