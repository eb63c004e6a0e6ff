"""dynamo#8780: whether special tokens are shown was the opposite of what the request said."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, tokenizer_of, windows

BUG = Bug(
    seen=("ai-dynamo/dynamo#8780",),
    symptom="special tokens are missing from the reply, or leak where they aren't wanted",
    cause="the default of skip_special_tokens is inverted",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(151644),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    tokenizer = tokenizer_of(tokenizer_dir)
    return windows(tokenizer_dir, decode=lambda ids: tokenizer.decode(ids, skip_special_tokens=True))
