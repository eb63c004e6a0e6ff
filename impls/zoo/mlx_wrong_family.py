"""mlx-lm#1329: replies read `Hello!ĠHowĠcanĠI`."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, entry, pieces_of, windows

BUG = Bug(
    seen=("ml-explore/mlx-lm#1329", "raullenchai/Rapid-MLX#793", "ml-explore/mlx-examples#1420"),
    symptom="`Ġ` and `Ċ` for spaces and newlines",
    cause="a byte-level vocabulary is decoded as a SentencePiece one",
    tokenizer="tekken",
    check="golden:replaced",
    smallest=stream(1261),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    pieces = pieces_of(tokenizer_dir)
    return windows(
        tokenizer_dir, decode=lambda ids: "".join((entry(pieces, token) or "").replace("▁", " ") for token in ids)
    )
