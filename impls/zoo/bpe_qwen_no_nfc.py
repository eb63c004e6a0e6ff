"""bpe-qwen 0.1.5: a decomposed `é` has other ids than a composed one."""

from __future__ import annotations

import pathlib
from functools import cache

from tokenizers import normalizers

from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder, load

BUG = Bug(
    seen=("bpe-qwen 0.1.5",),
    symptom="text from a Mac's file names is seen by the model as other letters",
    cause="the tokenizer's normalizer, NFC, is left out",
    tokenizer="qwen2.5",
    check="golden:ids differ",
    smallest=calls(prompts("e\u0301")),
)


@cache
def factory(tokenizer_dir: pathlib.Path) -> Encoder:
    """The backend that has the bug."""
    tokenizer = load(tokenizer_dir)
    tokenizer.normalizer = normalizers.Sequence([])
    return Encoder(tokenizer_dir, tokenizer)
