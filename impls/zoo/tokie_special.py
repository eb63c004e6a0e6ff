"""tokie 0.1.4: decoding a special token panics."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, decode_of, specials_of, windows

BUG = Bug(
    seen=("tokie 0.1.4",),
    symptom="a panic at a special token in the reply",
    cause="only the base vocabulary has a table of bytes; special tokens lie beyond its end",
    tokenizer="qwen2.5",
    check="golden:error",
    smallest=stream(151644),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    decode, base = decode_of(tokenizer_dir), min(specials_of(tokenizer_dir))

    def by_table(ids: Sequence[int]) -> str:
        for token in ids:
            if token >= base:
                raise IndexError(f"index out of bounds: the len is {base} but the index is {token}")
        return decode(ids)

    return windows(tokenizer_dir, decode=by_table)
