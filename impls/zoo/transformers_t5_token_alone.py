"""transformers#22710: T5 tokens decoded one by one lose the spaces between words."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Alone, Detokenizer, decode_of, eos_of

BUG = Bug(
    seen=("huggingface/transformers#22710",),
    symptom="words run together",
    cause="Metaspace drops the mark of the first token of a text, and each token is a text of its own",
    tokenizer="t5",
    check="golden:lost",
    smallest=stream(9, 3),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: Alone(decode_of(tokenizer_dir)), eos_of(tokenizer_dir))
