"""tokenizers#1699: DecodeStream failed with "slice index starts at 18446744073709551615" after some tokens."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Decode, Detokenizer, decode_of, ends_in_replacement, eos_of, printable

BUG = Bug(
    seen=("huggingface/tokenizers#1699", "huggingface/tokenizers#1705", "vllm-project/vllm#15137"),
    symptom="a panic after a few tokens of any text",
    cause="an index counts from the start of ids that were drained since, and is subtracted from their number",
    tokenizer="qwen2.5",
    check="golden:error",
    smallest=stream(160, 160, 64, 64, 64, 64),
)


@dataclass(slots=True)
class Draining:
    """A stream that drains its ids and mixes up its two indices."""

    decode: Decode
    ids: list[int] = field(default_factory=list)
    prefix: str = ""
    prefix_index: int = 0
    read_index: int = 0
    sent: int = 0

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        if token is None:
            return ""
        self.ids.append(token)
        text = self.decode(self.ids)
        new = text[len(self.prefix) :]
        if not new or ends_in_replacement(new):
            shown = printable(new)
            chunk, self.sent = new[self.sent : shown], shown
            return chunk
        index = len(self.ids) - self.prefix_index
        if index < 0 or self.read_index > len(self.ids):
            raise OverflowError("attempt to subtract with overflow")
        self.ids = self.ids[self.read_index :]
        self.prefix = self.decode(self.ids)
        self.read_index, self.prefix_index = self.prefix_index, index
        chunk, self.sent = new[self.sent :], 0
        return chunk


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return Detokenizer(lambda: Draining(decode_of(tokenizer_dir)), eos_of(tokenizer_dir))
