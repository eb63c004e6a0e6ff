"""llama.cpp#3502: every BPE model was pre-tokenized as GPT-2 is, so numbers and contractions had other ids."""

from __future__ import annotations

import pathlib
from functools import cache

from tokenizers import pre_tokenizers

from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder, load

BUG = Bug(
    seen=("ggml-org/llama.cpp#3502", "ggml-org/llama.cpp#6920"),
    symptom="worse answers, mostly to sums",
    cause="the pattern that splits a text into words is GPT-2's, whatever the model",
    tokenizer="qwen2.5",
    check="golden:ids differ",
    smallest=calls(prompts("<a")),
)


@cache
def factory(tokenizer_dir: pathlib.Path) -> Encoder:
    """The backend that has the bug."""
    tokenizer = load(tokenizer_dir)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return Encoder(tokenizer_dir, tokenizer)
