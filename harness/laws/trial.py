"""What the laws judge: a script, its answers, and the same streams asked otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.model import Kind
from harness.script import Answer, Raised, Script, Stream


@dataclass(frozen=True, slots=True)
class Trial:
    """A script and what an implementation made of it.

    `answers` has one entry a call, up to the first one that is wrong in form; that one is `fault` as well.
    `streams` are cut out of the answers before it. What the same implementation answers when it is asked otherwise is
    there if it was asked: `apart` has the chunks of each stream when it is fed alone, one message a call, `fresh`
    those when no stream has a uid that another had before. `one_by_one` has the ids of each prompt when it is
    encoded alone, by step and slot.
    """

    script: Script
    answers: Sequence[Answer]
    streams: Sequence[Stream]
    fault: Fault | None = None
    apart: Sequence[Sequence[str] | Raised] = ()
    fresh: Sequence[Sequence[str]] = ()
    one_by_one: Mapping[tuple[int, int], Sequence[int] | Raised] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that isn't one: where, and what is wrong with it. `kind` is ERROR, CRASH or HANG."""

    step: int
    slot: int
    what: str
    kind: Kind = Kind.ERROR


@dataclass(frozen=True, slots=True)
class Violation:
    """Where an implementation first broke a law.

    `kind` is what a user would see. `expected` and `got` are texts as they are, `why` is a sentence.
    """

    law: str
    kind: Kind
    step: int
    slot: int
    uid: int
    expected: str
    got: str
    why: str
