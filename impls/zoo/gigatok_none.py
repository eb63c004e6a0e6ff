"""gigatok 0.2: text that isn't valid UTF-8 decodes to None, not to a text."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, stream
from impls.zoo.base import Around, Detokenizer, bytes_of, entry, windows

BUG = Bug(
    seen=("gigatok 0.2",),
    symptom="None in the place of a chunk, which a caller joins to text and fails",
    cause="the decoder returns None for invalid UTF-8, and it is passed on",
    tokenizer="qwen2.5",
    check="golden:error",
    smallest=stream(160),
)


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    table = bytes_of(tokenizer_dir)

    def is_text(token: int) -> bool:
        try:
            (entry(table, token) or b"").decode()
        except UnicodeDecodeError:
            return False
        return True

    def optional(inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str | None]:
        chunks = inner.detokenize(requests)
        return [chunk if is_text(request.next_token) else None for chunk, request in zip(chunks, requests, strict=True)]

    return Around(windows(tokenizer_dir), optional)
