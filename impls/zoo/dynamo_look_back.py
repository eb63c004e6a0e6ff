"""dynamo#12630: split characters were replaced by U+FFFD, or lost, in streamed replies."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Decode, Detokenizer, decode_of, ends_in_replacement, eos_of, printable

LOOK_BACK = 6
BUG = Bug(
    seen=("ai-dynamo/dynamo#12630", "ai-dynamo/dynamo#12688"),
    symptom="characters are lost after others that are many byte tokens long",
    cause="each window looks a fixed number of tokens back, and so may begin inside a character",
    tokenizer="llama2",
    check="golden:lost",
    smallest=stream(243, 162, 155, 131, 100, 100, 100, 100),
)


@dataclass(slots=True)
class LookBack:
    """Every new text is decoded after the last tokens before it, wherever the first of them begins."""

    decode: Decode
    ids: list[int] = field(default_factory=list)
    done: int = 0
    sent: int = 0

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        if token is None:
            return ""
        self.ids.append(token)
        start = max(0, self.done - LOOK_BACK)
        new = self.decode(self.ids[start:])[len(self.decode(self.ids[start : self.done])) :]
        if new and not ends_in_replacement(new):
            chunk, self.done, self.sent = new[self.sent :], len(self.ids), 0
            return chunk
        shown = printable(new)
        chunk, self.sent = new[self.sent : shown], shown
        return chunk


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: LookBack(decode_of(tokenizer_dir)), eos_of(tokenizer_dir))
