"""transformers#45488: `hello world` came back as `helloworld`."""

from __future__ import annotations

import pathlib
from functools import cache

from tokenizers import pre_tokenizers

from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder, load

BUG = Bug(
    seen=("huggingface/transformers#45488", "huggingface/transformers#48206", "verl-project/verl#6080"),
    symptom="the model doesn't see the spaces of its prompt",
    cause="the declared class puts a Metaspace pre-tokenizer in the place of the file's ByteLevel",
    tokenizer="qwen2.5",
    check="golden:ids differ",
    smallest=calls(prompts(" ")),
)


@cache
def factory(tokenizer_dir: pathlib.Path) -> Encoder:
    """The backend that has the bug."""
    tokenizer = load(tokenizer_dir)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return Encoder(tokenizer_dir, tokenizer)
