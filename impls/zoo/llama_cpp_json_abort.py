"""llama.cpp#9195: the server died of invalid UTF-8 that it put into JSON."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, bytes_of, entry, eos_of

BUG = Bug(
    seen=("ggml-org/llama.cpp#9195", "ggml-org/llama.cpp#11738", "ggml-org/llama.cpp#14937"),
    symptom="the server process ends, and with it every stream",
    cause="bytes that can't become a character are written as they are, and the JSON library throws at them",
    tokenizer="qwen2.5",
    check="golden:crash",
    smallest=stream(116),
)


@dataclass(slots=True)
class ToJson:
    """Sends bytes as a JSON string as soon as they may be complete."""

    table: Sequence[bytes]
    unsent: bytes = b""

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        self.unsent += b"" if token is None else entry(self.table, token) or b""
        if _is_unfinished(self.unsent) and not last:
            return ""
        data, self.unsent = self.unsent, b""
        text = data.decode(errors="surrogateescape")
        try:
            json.dumps(text, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            os.abort()
        return text


def _is_unfinished(data: bytes) -> bool:
    for back in range(1, min(4, len(data)) + 1):
        lead = data[-back]
        if lead & 0xC0 != 0x80:
            return back < (1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4)
    return False


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: ToJson(bytes_of(tokenizer_dir)), eos_of(tokenizer_dir))
