"""lmdeploy#992: streamed Llama-2 output had no spaces between words."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Alone, Detokenizer, decode_of, eos_of

BUG = Bug(
    seen=("InternLM/lmdeploy#992", "huggingface/tokenizers#1141", "triton-inference-server/tensorrtllm_backend#332"),
    symptom="words run together",
    cause="the decoder, which strips the space at the start of a text, is run on each token",
    tokenizer="llama2",
    check="golden:lost",
    smallest=stream(100, 289),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: Alone(decode_of(tokenizer_dir)), eos_of(tokenizer_dir))
