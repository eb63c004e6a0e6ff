"""java-llama.cpp#3: several emoji in a row, or a whole Chinese text, came out at once at the end."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, bytes_of, entry, eos_of

BUG = Bug(
    seen=("kherud/java-llama.cpp#3", "ggml-org/llama.cpp#2231"),
    symptom="text that isn't ASCII is held until an ASCII token comes",
    cause="a token whose last byte has its highest bit set is taken for a part of a character",
    tokenizer="qwen2.5",
    check="golden:late",
    smallest=stream(15946, 64),
)


@dataclass(slots=True)
class UntilAscii:
    """Bytes are kept until a token ends in ASCII."""

    table: Sequence[bytes]
    unsent: bytes = b""

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        self.unsent += b"" if token is None else entry(self.table, token) or b""
        if self.unsent and self.unsent[-1] & 0x80 and not last:
            return ""
        text, self.unsent = self.unsent.decode(errors="replace"), b""
        return text


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: UntilAscii(bytes_of(tokenizer_dir)), eos_of(tokenizer_dir))
