"""llama.cpp#4036: the server streamed U+FFFD for characters whose first token holds two of their bytes."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, bytes_of, entry, eos_of

BUG = Bug(
    seen=("ggml-org/llama.cpp#4036", "ggml-org/llama.cpp#4446"),
    symptom="U+FFFD for a character that is split after its second byte",
    cause="only a token of one byte is taken for the beginning of a character",
    tokenizer="qwen2.5",
    check="golden:early",
    smallest=stream(3490),
)


@dataclass(slots=True)
class ByLeadByte:
    """Text is sent when no bytes are pending; a token of one byte says how many are."""

    table: Sequence[bytes]
    unsent: bytes = b""
    pending: int = 0

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        data = b"" if token is None else entry(self.table, token) or b""
        self.unsent += data
        if self.pending > 0:
            self.pending -= len(data)
        elif len(data) == 1:
            self.pending = _follow(data[0])
        if self.pending > 0:
            return ""
        text, self.unsent = self.unsent.decode(errors="replace"), b""
        return text


def _follow(lead: int) -> int:
    if lead & 0xE0 == 0xC0:
        return 1
    if lead & 0xF0 == 0xE0:
        return 2
    return 3 if lead & 0xF8 == 0xF0 else 0


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: ByLeadByte(bytes_of(tokenizer_dir)), eos_of(tokenizer_dir))
