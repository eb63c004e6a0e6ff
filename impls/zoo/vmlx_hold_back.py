"""vmlx-swift#148: the last 24 characters of every answer were missing, and short answers were empty."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, Rules, Window, decode_of, eos_of

HELD = 24
BUG = Bug(
    seen=("osaurus-ai/vmlx-swift#148",),
    symptom="the end of the answer is missing",
    cause="the last characters are held back, and no one flushes them when the stream ends",
    tokenizer="qwen2.5",
    check="law:prompt",
    smallest=stream(64),
)


@dataclass(slots=True)
class HoldBack:
    """A stream that always keeps its last characters to itself."""

    inner: Window
    held: str = ""

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        text = self.held + self.inner.feed(token, last=last)
        end = max(0, len(text) - HELD)
        self.held = text[end:]
        return text[:end]


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    rules = Rules(decode_of(tokenizer_dir))
    return Detokenizer(lambda: HoldBack(Window(rules)), eos_of(tokenizer_dir))
