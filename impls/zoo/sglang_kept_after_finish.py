"""sglang#12205: a request whose id was used before began with text of the earlier one."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, check_ids, windows

BUG = Bug(
    seen=("sgl-project/sglang#12205",),
    symptom="a new reply begins with what the last one with its id held",
    cause="the state of a finished request is kept",
    tokenizer="qwen2.5",
    check="law:forgets",
    smallest=calls(feed((0, 160, True)), feed((0, 64))),
)


def keeping(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
    """One chunk a request; the stream of each is there afterwards, finished or not."""
    check_ids(requests)
    chunks = []
    for request in requests:
        state = inner.streams.setdefault(request.uid, inner.open())
        chunks.append(inner.answer(request))
        inner.streams[request.uid] = state
    return chunks


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    return Around(windows(tokenizer_dir), keeping)
