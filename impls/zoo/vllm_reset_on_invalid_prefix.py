"""vllm#19449: the way around "Invalid prefix" loses the bytes that the stream held."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, Rules, Window, decode_of, ends_in_replacement, eos_of

BUG = Bug(
    seen=("vllm-project/vllm#19449",),
    symptom="the U+FFFD of invalid bytes are missing",
    cause="on an invalid prefix the stream is begun anew with the last token alone",
    tokenizer="llama2",
    check="golden:lost",
    smallest=stream(100, 231, 263),
)


@dataclass(slots=True)
class Resetting:
    """A stream that forgets all but the last token where its window doesn't begin with its prefix."""

    rules: Rules
    inner: Window

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        if token is not None and self.inner.prefix:
            ids = [*self.inner.ids, token]
            window, prefix = self.rules.decode(ids), self.rules.decode(ids[: self.inner.prefix])
            if not ends_in_replacement(window) and not window.startswith(prefix):
                self.inner = Window(self.rules)
        return self.inner.feed(token, last=last)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    rules = Rules(decode_of(tokenizer_dir))
    return Detokenizer(lambda: Resetting(rules, Window(rules)), eos_of(tokenizer_dir))
