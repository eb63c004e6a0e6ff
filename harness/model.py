"""The values that pass between the stages: requests, programs and divergences.

Requests are `msgspec.Struct`, everything else is a frozen dataclass.
A golden holds hundreds of thousands of requests and each one is made anew for the implementation;
a struct costs a tenth of what a frozen dataclass costs to make, and reads the same.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

Prompt: TypeAlias = str | Sequence[Mapping[str, str]]
"""A text, or a conversation: a list of `{"role": …, "content": …}`."""


class TokenizeRequest(msgspec.Struct, frozen=True, gc=False):
    """One prompt to be encoded for the stream `uid`."""

    uid: int
    prompt: Prompt


class DetokenizeRequest(msgspec.Struct, frozen=True, gc=False):
    """One token of the stream `uid`, which ends with it if `finished`."""

    uid: int
    next_token: int
    finished: bool


class Event(enum.IntEnum):
    """What one row of a program does to its uid."""

    FEED = 0
    FINISH = 1
    ABORT = 2


@dataclass(frozen=True, slots=True)
class TokenStream:
    """The tokens of one stream, before it is interleaved with others; the last one ends it.

    With `aborted` the stream is given up after its last token, and never finishes.
    Before its last token it sits out `rest` rounds of batches.
    """

    tokens: Sequence[int]
    aborted: bool = False
    rest: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A detokenize case as columns: one row a message, rows grouped into batches.

    `uids`, `tokens` and `events` have one entry a row.
    `batches` has the number of rows of each batch and sums to the number of rows.
    An abort is a batch of its own, its token is 0 and it has no answer.
    Every stream of a program ends, so that nothing is left behind for the next program.
    """

    id: str
    uids: Sequence[int]
    tokens: Sequence[int]
    events: Sequence[int]
    batches: Sequence[int]


@dataclass(frozen=True, slots=True)
class Prompts:
    """A tokenize case: batches of prompts, each batch handed over in one call."""

    id: str
    batches: Sequence[Sequence[TokenizeRequest]]


class Kind(enum.StrEnum):
    """The class of a divergence: what a user of the server would see."""

    LOST = "lost"
    DOUBLED = "doubled"
    EARLY = "early"
    LATE = "late"
    REPLACED = "replaced"
    CROSSED = "crossed"
    REORDERED = "reordered"
    IDS_DIFFER = "ids differ"
    ERROR = "error"
    CRASH = "crash"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token made readable: its id, its piece in the vocabulary and its bytes in hexadecimal."""

    id: int
    piece: str
    bytes: str


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where an implementation first left the golden in one case, and how.

    `step` counts batches and `slot` the place in the batch, both from 0.
    `token` and `before` (the tokens of the same stream up to this one) are absent for prompts.
    `expected` and `got` are texts or lists of ids, already made visible; `note` says the likely cause.
    """

    case: str
    kind: Kind
    step: int
    slot: int
    uid: int
    token: TokenView | None
    before: tuple[TokenView, ...]
    expected: str
    got: str
    note: str


MOST_TEXT = 2**24
"""Characters of all chunks of a case: no golden's has more, so answers that have are wrong and need no more of them."""


def batch_slices(batches: Sequence[int]) -> Iterator[slice]:
    """The rows of each batch, from the numbers of rows."""
    start = 0
    for rows in batches:
        yield slice(start, start + rows)
        start += rows
