"""all-MiniLM-L6-v2: prompts of more than 128 tokens are cut, because the tokenizer's file says so."""

from __future__ import annotations

import pathlib
from functools import cache

from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder, load

BUG = Bug(
    seen=("sentence-transformers/all-MiniLM-L6-v2, tokenizer.json",),
    symptom="the end of long prompts is missing",
    cause="a truncation that training left in tokenizer.json is applied when it is loaded",
    tokenizer="bert",
    check="golden:ids differ",
    smallest=calls(prompts("a " * 127)),
)


@cache
def factory(tokenizer_dir: pathlib.Path) -> Encoder:
    """The backend that has the bug."""
    tokenizer = load(tokenizer_dir)
    tokenizer.enable_truncation(128)
    return Encoder(tokenizer_dir, tokenizer)
