"""fastokens#30: one id from the padding above the vocabulary ended the whole reply."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, decode_of, pieces_of, windows

BUG = Bug(
    seen=("crusoecloud/fastokens#30", "vllm-project/vllm#55240", "pegainfer-project/pegainfer#673"),
    symptom="an exception at an id that a model may well sample",
    cause="an id that the vocabulary doesn't have is an error, where other decoders leave it out",
    tokenizer="qwen2.5",
    check="golden:error",
    smallest=stream(151927),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    decode, pieces = decode_of(tokenizer_dir), pieces_of(tokenizer_dir)

    def strict(ids: Sequence[int]) -> str:
        for token in ids:
            if token >= len(pieces) or pieces[token] is None:
                raise ValueError(f"decode error: unknown token ID: {token}")
        return decode(ids)

    return windows(tokenizer_dir, decode=strict)
