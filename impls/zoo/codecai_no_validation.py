"""codecai 0.4.1: after an invalid lead byte the next characters were swallowed."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, bytes_of, entry, eos_of

BUG = Bug(
    seen=("codecai 0.4.1",),
    symptom="up to three characters after an invalid byte are missing",
    cause="as many bytes are taken for a character as its lead byte says, whatever they are",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(160, 370),
)


@dataclass(slots=True)
class ByLength:
    """Cuts bytes into characters by their lead bytes alone."""

    table: Sequence[bytes]
    unsent: bytes = b""

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        self.unsent += b"" if token is None else entry(self.table, token) or b""
        text = ""
        while self.unsent and len(self.unsent) >= (size := _size(self.unsent[0])):
            text += _character(self.unsent[:size])
            self.unsent = self.unsent[size:]
        return text


def _size(lead: int) -> int:
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _character(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "\ufffd"


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: ByLength(bytes_of(tokenizer_dir)), eos_of(tokenizer_dir))
