"""sglang#29820: ids outside the vocabulary came out as `!`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, stream
from impls.zoo.base import Around, Detokenizer, pieces_of, windows

BUG = Bug(
    seen=("sgl-project/sglang#29820",),
    symptom="a `!` for each id that is none, where other implementations show nothing",
    cause="ids are clamped to the vocabulary, and those outside it become id 0",
    tokenizer="qwen2.5",
    check="golden:early",
    smallest=stream(151935),
)


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    size = len(pieces_of(tokenizer_dir))

    def clamped(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
        return inner.detokenize(
            [DetokenizeRequest(r.uid, r.next_token if 0 <= r.next_token < size else 0, r.finished) for r in requests]
        )

    return Around(windows(tokenizer_dir), clamped)
