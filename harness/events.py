"""What happens in a run, as values; reports are made of these and of nothing else."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from harness.known import Problem
from harness.model import Divergence


class RunStarted(msgspec.Struct, frozen=True, tag="run-started", tag_field="event"):
    """The first event: what is to be judged, against what. `messages` counts those of all goldens, once a target."""

    targets: tuple[str, ...]
    tokenizers: tuple[str, ...]
    corpora: tuple[str, ...]
    messages: int


class Progress(msgspec.Struct, frozen=True, tag="progress", tag_field="event"):
    """Some more messages were judged. Not kept in a report."""

    target: str
    tokenizer: str
    messages: int


class CaseRed(msgspec.Struct, frozen=True, tag="case-red", tag_field="event"):
    """An implementation left the golden in a case."""

    target: str
    tokenizer: str
    corpus: str
    operation: str
    divergence: Divergence


class CaseKnown(msgspec.Struct, frozen=True, tag="case-known", tag_field="event"):
    """An implementation left the golden in a case, as its list of known failures says. Not red."""

    target: str
    tokenizer: str
    corpus: str
    operation: str
    divergence: Divergence
    issue: str


class KnownRed(msgspec.Struct, frozen=True, tag="known-red", tag_field="event"):
    """An entry of a list of known failures that doesn't hold.

    `what` is its case or pattern, `cause` what was seen, `still` has those of its cases that do fail.
    """

    target: str
    tokenizer: str
    problem: Problem
    what: str
    cause: str
    issue: str
    owner: str
    still: tuple[str, ...] = ()


class NotRun(msgspec.Struct, frozen=True, tag="not-run", tag_field="event"):
    """Something that wasn't judged. `red` if it was asked for, else it's a capability that isn't offered."""

    target: str
    tokenizer: str
    what: str
    cause: str
    red: bool


class CorpusDone(msgspec.Struct, frozen=True, tag="corpus-done", tag_field="event"):
    """A corpus was judged: cases, those of them that are red, messages, and cases that fail as is known."""

    target: str
    tokenizer: str
    corpus: str
    operation: str
    cases: int
    red: int
    messages: int
    known: int = 0


class RunFinished(msgspec.Struct, frozen=True, tag="run-finished", tag_field="event"):
    """The last event. A report without it was cut off.

    `known` counts the cases that fail as is known, `known_red` the entries of lists that don't hold.
    """

    exit_code: int
    cases: int
    red: int
    messages: int
    not_run: int
    known: int = 0
    known_red: int = 0


class BugJudged(msgspec.Struct, frozen=True, tag="bug-judged", tag_field="event"):
    """A historical bug was let loose on the harness.

    `smallest` is the size, in messages, of the smallest program known, and `shown` what it shows by the judge of
    `check`. `goldens`, `law` and `search` say how each judge caught the bug, and are empty if it didn't: the class of
    the divergence, the first law that is broken, and the classes of what the search found: the first after `seconds`,
    the last, which is like the smallest program if any was, shrunk to `found` messages.
    `red` says what is wrong, a line each.
    """

    bug: str
    seen: tuple[str, ...]
    tokenizer: str
    check: str
    smallest: int
    shown: str
    goldens: str
    law: str
    search: str
    seconds: float
    found: int
    red: tuple[str, ...]


Event: TypeAlias = (
    RunStarted | Progress | CaseRed | CaseKnown | KnownRed | NotRun | CorpusDone | BugJudged | RunFinished
)
