"""EuroEval#1006: stop tokens were removed from the output wherever they stood."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Detokenizer, Rules, Window, decode_of, eos_of

BUG = Bug(
    seen=("EuroEval/EuroEval#1006", "vectorch-ai/ScaleLLM#305"),
    symptom="EOS is missing where it didn't end the stream",
    cause="a token is skipped because it is EOS, finished or not",
    tokenizer="tekken",
    check="golden:lost",
    smallest=calls(feed((0, 2))),
)


@dataclass(slots=True)
class WithoutEos:
    """A stream that never shows EOS."""

    inner: Window
    eos_id: int

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        return self.inner.feed(None if token == self.eos_id else token, last=last)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    rules, eos = Rules(decode_of(tokenizer_dir)), eos_of(tokenizer_dir)
    return Detokenizer(lambda: WithoutEos(Window(rules), eos), eos)
