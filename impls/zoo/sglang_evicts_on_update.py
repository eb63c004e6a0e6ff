"""sglang#25374: writing a state back evicted another request's, which lost the characters it held."""

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
    seen=("sgl-project/sglang#25374", "sgl-project/sglang#34060"),
    symptom="a live request is taken for a new one",
    cause="a full table drops its oldest state even for a key that it has",
    tokenizer="qwen2.5",
    check="law:independent",
    smallest=calls(feed((0, 160)), feed((1, 64)), feed((1, 64)), feed((0, 64))),
)


def written_back(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
    """One chunk a request; each message writes its stream's state back into the table."""
    check_ids(requests)
    chunks = []
    for request in requests:
        state = inner.streams.get(request.uid) or inner.open()
        if len(inner.streams) >= CAPACITY:
            del inner.streams[next(iter(inner.streams))]
        inner.streams[request.uid] = state
        chunks.append(inner.answer(request))
    return chunks


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    inner = windows(tokenizer_dir)
    inner.streams = OrderedDict()
    return Around(inner, written_back)
