"""mini-sglang: a uid that stands twice in a batch is sent the text of its first message twice."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, Window, check_ids, windows

BUG = Bug(
    seen=("sgl-project/mini-sglang at 20fcd7f", "sgl-project/sglang#28143", "vllm-project/vllm#10583"),
    symptom="text is there twice, when a worker merges two messages of a stream into one batch",
    cause="all windows of a batch are decoded before any of its messages moves a stream on",
    tokenizer="qwen2.5",
    check="law:independent",
    smallest=calls(feed((0, 64), (0, 65))),
)


def two_passes(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
    """One chunk a request: all windows are decoded, and then the streams move on."""
    check_ids(requests)
    decoded: list[tuple[Window, str]] = []
    for request in requests:
        window, token = inner.streams.setdefault(request.uid, inner.open()), inner.token_of(request)
        assert isinstance(window, Window)
        if token is not None:
            window.ids.append(token)
        decoded.append((window, window.new_text()))
    chunks = [window.advance(text) for window, text in decoded]
    for request in requests:
        if request.finished:
            inner.streams.pop(request.uid, None)
    return chunks


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    return Around(windows(tokenizer_dir), two_passes)
