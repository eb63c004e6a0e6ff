"""What judges the cases of a run: the `Engine` protocol, and the engine that judges them here, one after the other.

Whatever judges a case, what comes of it is the same `Outcome`, and outcomes come in the order of the cases.
"""

from __future__ import annotations

import functools
import pathlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from harness.adapters.connection import Connection
from harness.adapters.direct import DirectConnection
from harness.adapters.isolated import IsolatedConnection
from harness.compare import compare_chunks, compare_ids, fault_divergence
from harness.errors import Fault
from harness.golden import DetokenizeCase, Entry, TokenizeCase, read_cases, verify
from harness.model import Divergence
from harness.targets import Target, load_factory
from harness.tokenizer import Vocabulary, load_vocabulary


@dataclass(frozen=True, slots=True)
class Suite:
    """The goldens of one tokenizer that are to be judged against. `whole` if these are all that it has."""

    tokenizer: str
    folder: pathlib.Path
    goldens: pathlib.Path
    entries: tuple[Entry, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """How an implementation is run. Times are in seconds, `memory_limit` in megabytes.

    It is given up after `most_faults` crashes, hangs and errors.
    """

    in_process: bool
    start_timeout: float
    batch_timeout: float
    case_timeout: float
    memory_limit: int | None
    most_faults: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case: the first divergence, or None if there is none."""

    case: str
    messages: int
    divergence: Divergence | None


class Session(Protocol):
    """An implementation that is being judged on one suite."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of `CAPABILITIES` the implementation has."""
        ...

    def outcomes(self, entry: Entry) -> Iterator[Outcome]:
        """The outcome of every case of a golden, in the golden's order.

        Raises `GoldenError`, and `TargetError` if the implementation can't be started again.
        """
        ...

    def close(self) -> None:
        """Stop the implementation."""
        ...


class Engine(Protocol):
    """Whatever judges cases."""

    def open(self, target: Target, suite: Suite, terms: Terms) -> Session:
        """Start an implementation for a suite. Raises `TargetError` if it doesn't start."""
        ...


class LocalEngine:
    """Judges in this process, one case after the other."""

    def open(self, target: Target, suite: Suite, terms: Terms) -> Session:
        """Start an implementation; see `Engine.open`."""
        return _LocalSession(connect(target, suite.folder, terms), suite)


class _LocalSession:
    def __init__(self, connection: Connection, suite: Suite) -> None:
        self._connection = connection
        self._suite = suite

    @property
    def capabilities(self) -> frozenset[str]:
        return self._connection.capabilities

    def outcomes(self, entry: Entry) -> Iterator[Outcome]:
        path = verify(self._suite.goldens, entry)
        for case in read_cases(path, entry.operation):
            yield judge_case(self._connection, case, self._suite.folder)

    def close(self) -> None:
        self._connection.close()


def connect(target: Target, folder: pathlib.Path, terms: Terms) -> Connection:
    """Start an implementation. Raises `TargetError` if it doesn't start."""
    if target.command:
        from harness.adapters.socket import SocketConnection  # needs the `worker` extra

        command = [part.replace("{python}", sys.executable) for part in target.command]
        return SocketConnection(
            command,
            folder,
            target.env,
            start_timeout=terms.start_timeout,
            batch_timeout=terms.batch_timeout,
            case_timeout=terms.case_timeout,
            memory_limit=terms.memory_limit,
        )
    if terms.in_process:
        return DirectConnection(load_factory(target.spec), folder)
    return IsolatedConnection(
        target.spec,
        folder,
        start_timeout=terms.start_timeout,
        batch_timeout=terms.batch_timeout,
        case_timeout=terms.case_timeout,
        memory_limit=terms.memory_limit,
    )


@functools.lru_cache(maxsize=2)
def vocabulary_of(folder: pathlib.Path) -> Vocabulary:
    """The vocabulary of a tokenizer's folder, kept for the next divergence.

    Not loaded before there is one: it may take more memory than all else that judging does.
    """
    return load_vocabulary(folder)


def judge_case(connection: Connection, case: DetokenizeCase | TokenizeCase, folder: pathlib.Path) -> Outcome:
    """Replay a case of this tokenizer and compare. Raises `TargetError` if the implementation can't start again."""
    try:
        return _outcome(case, _compared(connection, case, folder))
    except Fault as fault:
        return faulty(case, fault, folder)


def faulty(case: DetokenizeCase | TokenizeCase, fault: Fault, folder: pathlib.Path) -> Outcome:
    """The outcome of a case that wasn't answered."""
    subject = case.program if isinstance(case, DetokenizeCase) else case.prompts
    return _outcome(case, fault_divergence(subject, fault, vocabulary_of(folder)))


def _outcome(case: DetokenizeCase | TokenizeCase, divergence: Divergence | None) -> Outcome:
    """The outcome of a case in which this was found."""
    if isinstance(case, DetokenizeCase):
        return Outcome(case.program.id, sum(case.program.batches), divergence)
    return Outcome(case.prompts.id, sum(map(len, case.prompts.batches)), divergence)


def _compared(connection: Connection, case: DetokenizeCase | TokenizeCase, folder: pathlib.Path) -> Divergence | None:
    if isinstance(case, DetokenizeCase):
        try:
            chunks = connection.detokenize(case.program)
        except Fault as fault:
            before = compare_chunks(case.program, case.expected.values(), fault.answered, vocabulary_of(folder))
            if before is None:
                raise
            return before
        if case.expected.matches(chunks):
            return None
        return compare_chunks(case.program, case.expected.values(), chunks, vocabulary_of(folder))
    ids = connection.tokenize(case.prompts)
    if case.expected.matches(ids):
        return None
    return compare_ids(case.prompts, case.expected.values(), ids, vocabulary_of(folder))
