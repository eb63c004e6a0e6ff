"""sglang#2812: under load the detokenizer died of a KeyError."""

from __future__ import annotations

import pathlib
from collections import OrderedDict
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, check_ids, windows

CAPACITY = 2
"""SGLANG_DETOKENIZER_MAX_STATES, 65,536 unless it is set."""
BUG = Bug(
    seen=("sgl-project/sglang#2812",),
    symptom="KeyError, and the detokenizer ends",
    cause="a table of limited size drops the oldest state, which may be in use",
    tokenizer="qwen2.5",
    check="golden:error",
    smallest=calls(feed((0, 64, True), (1, 64, True), (2, 64, True))),
)


def limited(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
    """One chunk a request; the states of a batch are made first, and only so many are kept."""
    check_ids(requests)
    for request in requests:
        if request.uid not in inner.streams:
            if len(inner.streams) >= CAPACITY:
                del inner.streams[next(iter(inner.streams))]
            inner.streams[request.uid] = inner.open()
    for request in requests:
        if request.uid not in inner.streams:
            raise KeyError(request.uid)
    return [inner.answer(request) for request in requests]


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    inner = windows(tokenizer_dir)
    inner.streams = OrderedDict()
    return Around(inner, limited)
