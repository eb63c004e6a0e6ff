"""mlx-vlm#1665: UnicodeDecodeError where a token with a leading space followed half a character."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, Rules, Window, bytes_of, decode_of, entry, eos_of

BUG = Bug(
    seen=("Blaizzy/mlx-vlm#1665", "Blaizzy/mlx-vlm#834", "Blaizzy/mlx-vlm#851"),
    symptom="the reply ends with an exception",
    cause="a token that begins with a space flushes what is held, which is decoded strictly",
    tokenizer="qwen2.5",
    check="golden:error",
    smallest=stream(160, 264),
)


@dataclass(slots=True)
class FlushAtSpace:
    """A stream that decodes what it holds as soon as a word begins."""

    table: Sequence[bytes]
    inner: Window

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        if token is not None and (entry(self.table, token) or b"").startswith(b" "):
            held = self.inner.ids[self.inner.prefix :]
            b"".join(entry(self.table, other) or b"" for other in held).decode()
        return self.inner.feed(token, last=last)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    table, rules = bytes_of(tokenizer_dir), Rules(decode_of(tokenizer_dir))
    return Detokenizer(lambda: FlushAtSpace(table, Window(rules)), eos_of(tokenizer_dir))
