"""Cases spread over workers that may die: who is given what, what is run again, and in which order it is told.

A worker has one span of cases at a time, so that if it dies these are the suspects. They are run again in halves; a
case that is alone and takes its worker with it several times is poisoned: red, named, and not run again.
"""

from __future__ import annotations

import pathlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from harness.engine import Outcome, Suite, Terms, faulty
from harness.errors import Fault, TargetError
from harness.golden import DetokenizeCase, Entry, TokenizeCase, count_groups, read_cases, verify
from harness.model import Kind
from harness.targets import Target

MOST_LOSSES = 3
"""How many workers a single case may take with it before it is poisoned."""

_AHEAD = 4
"""Spans for each worker that may be given out before the first of them is told."""


@dataclass(frozen=True, slots=True)
class Job:
    """An implementation and the goldens that it is judged against, as a worker finds them.

    `digest` and `tokenizer_sha256` say what the manifest and the tokenizer's files have to be there.
    """

    target: Target
    folder: pathlib.Path
    tokenizer_sha256: str
    goldens: pathlib.Path
    digest: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class Span:
    """Cases of one row group of a golden: from `start` up to `stop`, up to the end if that is None."""

    entry: Entry
    group: int
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a worker made of a span: outcomes in order, and why the rest has none if it couldn't start again."""

    outcomes: tuple[Outcome, ...]
    refused: TargetError | None = None


class Crew(Protocol):
    """Workers, with a new one in the place of each that dies."""

    @property
    def size(self) -> int:
        """How many workers there are."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether one of them is ready and has nothing to do."""
        ...

    def give(self, job: Job, span: Span) -> None:
        """Give a span to one that has nothing to do."""
        ...

    def take(self) -> tuple[Span, Judged | None] | None:
        """Wait for something to happen: a span that was judged, or with None one whose worker has died.

        None if it is only that a worker got ready. Raises `EngineError` if there are no workers to be had.
        """
        ...


def span_cases(path: pathlib.Path, span: Span) -> Iterator[DetokenizeCase | TokenizeCase]:
    """The cases of a span."""
    return islice(read_cases(path, span.entry.operation, span.group), span.start, span.stop)


def spread(crew: Crew, job: Job, suite: Suite, entry: Entry) -> Iterator[Outcome]:
    """The outcome of every case of a golden, in the golden's order. Raises `TargetError`, as `Session.outcomes`."""
    path = verify(suite.goldens, entry)
    fresh = deque(Span(entry, group) for group in range(count_groups(path)))
    due: deque[Span] = deque()
    order: list[Span] = []
    done: dict[Span, Judged] = {}
    losses: Counter[Span] = Counter()
    while True:
        while order and order[0] in done:
            judged = done.pop(order.pop(0))
            yield from judged.outcomes
            if judged.refused is not None:
                raise judged.refused
        while crew.is_idle:
            if not due and fresh and len(order) < _AHEAD * crew.size:
                order.append(fresh[0])
                due.append(fresh.popleft())
            if not due:
                break
            crew.give(job, due.popleft())
        if not order and not fresh:
            return
        happened = crew.take()
        if happened is None:
            continue
        span, result = happened
        if result is not None:
            done[span] = result
            continue
        halves = _halves(path, span)
        if len(halves) > 1:
            at = order.index(span)
            order[at : at + 1] = halves
            due.extendleft(reversed(halves))
            continue
        losses[span] += 1
        if losses[span] < MOST_LOSSES:
            due.appendleft(span)
        else:
            (case,) = span_cases(path, span)
            done[span] = Judged((_poisoned(case, suite),))


def _halves(path: pathlib.Path, span: Span) -> list[Span]:
    """A span in two parts; itself, if it is of one case."""
    stop = span.start + sum(1 for _ in span_cases(path, span))
    middle = (span.start + stop) // 2
    if middle == span.start:
        return [span]
    return [Span(span.entry, span.group, span.start, middle), Span(span.entry, span.group, middle, stop)]


def _poisoned(case: DetokenizeCase | TokenizeCase, suite: Suite) -> Outcome:
    message = f"poisoned: {MOST_LOSSES} workers that were given this case alone died of it"
    return faulty(case, Fault(Kind.CRASH, 0, message), suite.folder)


def judge_span(
    cases: Iterator[DetokenizeCase | TokenizeCase],
    judge: Callable[[DetokenizeCase | TokenizeCase], Outcome],
    most_faults: int,
) -> Judged:
    """Judge a worker's cases, no further than to as many faults as an implementation is given up after."""
    outcomes: list[Outcome] = []
    faults = 0
    try:
        for case in cases:
            outcomes.append(judge(case))
            divergence = outcomes[-1].divergence
            faults += divergence is not None and divergence.kind in (Kind.CRASH, Kind.HANG, Kind.ERROR)
            if faults >= most_faults:
                break
    except TargetError as error:
        return Judged(tuple(outcomes), error)
    return Judged(tuple(outcomes))
