"""llama.cpp#10072: with several requests at a time, text of one came out in another."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, check_ids, windows

BUG = Bug(
    seen=("ggml-org/llama.cpp#10072", "inferencerlabs/inferencer-feedback#127"),
    symptom="half a character of one stream is completed in another",
    cause="state is kept for the slot of a batch, and a request isn't in the same slot all the time",
    tokenizer="qwen2.5",
    check="law:independent",
    smallest=calls(feed((0, 160), (0, 64))),
)


class Slots:
    """Keeps the stream of each place in a batch, and for a uid the last place that it was in."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def step(self, inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk a request, each answered with the state of its slot."""
        check_ids(requests)
        self._last.update({request.uid: slot for slot, request in enumerate(requests)})
        return [
            inner.answer(DetokenizeRequest(slot, request.next_token, request.finished))
            for slot, request in enumerate(requests)
        ]

    def release(self, inner: Detokenizer, uid: int) -> None:
        """Clear the slot of a request that is given up."""
        inner.abort(self._last.pop(uid, -1))


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    slots = Slots()
    return Around(windows(tokenizer_dir), slots.step, slots.release)
