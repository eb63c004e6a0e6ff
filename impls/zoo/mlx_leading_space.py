"""mlx-lm#1754: a byte-level answer that begins with a space lost it."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, Rules, Window, decode_of, eos_of

BUG = Bug(
    seen=("ml-explore/mlx-lm#1754",),
    symptom="the space at the start of the answer is missing",
    cause="the first text is trimmed as for SentencePiece, where the vocabulary is byte-level",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(264),
)


@dataclass(slots=True)
class Trimmed:
    """A stream that loses a space at its start."""

    inner: Window
    begun: bool = False

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        chunk = self.inner.feed(token, last=last)
        if chunk and not self.begun:
            self.begun = True
            return chunk.removeprefix(" ")
        return chunk


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    rules = Rules(decode_of(tokenizer_dir))
    return Detokenizer(lambda: Trimmed(Window(rules)), eos_of(tokenizer_dir))
