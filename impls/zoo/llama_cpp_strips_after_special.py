"""llama.cpp#8039: detokenizers disagree on the space of a word that follows a special token."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, decode_of, entry, pieces_of, specials_of, tokenizer_of, windows

BUG = Bug(
    seen=("ggml-org/llama.cpp#8039", "ggml-org/llama.cpp#24008"),
    symptom="the space between a special token and a word is missing",
    cause="the space that begins a word is dropped after a special token, as at the start of a text",
    tokenizer="llama2",
    check="golden:lost",
    smallest=stream(1, 263),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    decode, specials = decode_of(tokenizer_dir), specials_of(tokenizer_dir)
    pieces, tokenizer = pieces_of(tokenizer_dir), tokenizer_of(tokenizer_dir)

    def without_mark(token: int) -> int:
        piece = entry(pieces, token) or ""
        stripped = tokenizer.token_to_id(piece.removeprefix("▁")) if piece.startswith("▁") and piece != "▁" else None
        return token if stripped is None else stripped

    def stripped(ids: Sequence[int]) -> str:
        return decode(
            [without_mark(token) if at and ids[at - 1] in specials else token for at, token in enumerate(ids)]
        )

    return windows(tokenizer_dir, decode=stripped)
