"""mini-sglang: a stream that was given a negative id raised at each of its messages from then on."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, windows

BUG = Bug(
    seen=("sgl-project/mini-sglang at 20fcd7f",),
    symptom="one bad id, and every later batch with its uid fails as a whole",
    cause="the id is appended to the stream before it is decoded, and stays there",
    tokenizer="qwen2.5",
    check="law:answers",
    smallest=calls(feed((0, -1)), feed((0, 64))),
)


def unchecked(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
    """One chunk a request; the ids are looked at when they are decoded."""
    return [inner.answer(request) for request in requests]


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    return Around(windows(tokenizer_dir), unchecked)
