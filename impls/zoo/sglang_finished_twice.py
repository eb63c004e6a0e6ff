"""sglang#19035: two requests with one id, and the detokenizer died of a KeyError."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, check_ids, windows

BUG = Bug(
    seen=("sgl-project/sglang#19035",),
    symptom="KeyError, and the whole batch is lost",
    cause="states are made in one pass over the batch and looked up in another, which drops those that finish",
    tokenizer="qwen2.5",
    check="law:answers",
    smallest=calls(feed((0, 64, True), (0, 65))),
)


def made_first(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
    """One chunk a request; the streams of a batch are made first, then each is looked up."""
    check_ids(requests)
    for request in requests:
        inner.streams.setdefault(request.uid, inner.open())
    chunks = []
    for request in requests:
        if request.uid not in inner.streams:
            raise KeyError(request.uid)
        chunks.append(inner.answer(request))
    return chunks


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    return Around(windows(tokenizer_dir), made_first)
