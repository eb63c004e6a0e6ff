"""What happens in a run, as values; reports are made of these and of nothing else."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

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


class NotRun(msgspec.Struct, frozen=True, tag="not-run", tag_field="event"):
    """Something that wasn't judged. `red` if it was asked for, else it's a capability that isn't offered."""

    target: str
    tokenizer: str
    what: str
    cause: str
    red: bool


class CorpusDone(msgspec.Struct, frozen=True, tag="corpus-done", tag_field="event"):
    """A corpus was judged: cases, those of them that are red, and messages."""

    target: str
    tokenizer: str
    corpus: str
    operation: str
    cases: int
    red: int
    messages: int


class RunFinished(msgspec.Struct, frozen=True, tag="run-finished", tag_field="event"):
    """The last event. A report without it was cut off."""

    exit_code: int
    cases: int
    red: int
    messages: int
    not_run: int


Event: TypeAlias = RunStarted | Progress | CaseRed | NotRun | CorpusDone | RunFinished
