"""transformers#36708: text without spaces came out only at the end, words only with the next space."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Decode, Detokenizer, decode_of, eos_of, printable

BUG = Bug(
    seen=("huggingface/transformers#36708", "huggingface/transformers#28849"),
    symptom="nothing is shown of a text without spaces until it ends",
    cause="text is shown up to its last space, or to an ideograph or newline at its end",
    tokenizer="qwen2.5",
    check="golden:late",
    smallest=stream(64, 151645),
)


@dataclass(slots=True)
class UntilSpace:
    """What can be shown is cut at the last space; the rest comes with a newline or at the end."""

    decode: Decode
    ids: list[int] = field(default_factory=list)
    sent: int = 0

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        if token is not None:
            self.ids.append(token)
        text = self.decode(self.ids)
        shown = len(text) if last else printable(text)
        chunk, self.sent = text[self.sent : shown], max(self.sent, shown)
        if text.endswith("\n"):
            self.ids, self.sent = [], 0
        return chunk


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: UntilSpace(decode_of(tokenizer_dir)), eos_of(tokenizer_dir))
