"""mead-baseline#677: the results of a batch were put back in order in place, and overwrote each other."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, windows

BUG = Bug(
    seen=("mead-ml/mead-baseline#677",),
    symptom="a stream is sent the text of another one of its batch",
    cause="a sorted batch is unsorted in the list that it is read from",
    tokenizer="qwen2.5",
    check="law:independent",
    smallest=calls(feed((0, 65), (1, 64))),
)


def unsorted_in_place(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
    """One chunk a request, decoded in the order of tokens and moved to its slot one after the other."""
    order = sorted(range(len(requests)), key=lambda slot: requests[slot].next_token)
    chunks = inner.detokenize([requests[slot] for slot in order])
    for place, slot in enumerate(order):
        chunks[slot] = chunks[place]
    return chunks


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    return Around(windows(tokenizer_dir), unsorted_in_place)
