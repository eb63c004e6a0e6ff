"""What the harness itself costs a message, and its share of a run of the gate."""

from __future__ import annotations

import pathlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.adapters.direct import DirectConnection
from harness.assets import chosen, read_pins, resolve
from harness.bench.figures import Cell, Column, Report
from harness.golden import DetokenizeCase, read_detokenize, read_manifest, verify
from harness.model import DetokenizeRequest
from harness.packages import Announce
from harness.project import Project
from harness.protocol import Backend, Factory
from harness.targets import find_target, load_factory

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for a number of messages: the whole of it, and what of it passed inside the implementation."""

    messages: int
    total: float
    inside: float


class TableBackend:
    """Answers from a table of the expected chunks, in order: as little as an implementation can do."""

    def __init__(self, chunks: Sequence[str]) -> None:
        self._chunks = chunks
        self._at = 0

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> Sequence[str]:
        """The next chunks of the table."""
        start = self._at
        self._at = start + len(requests)
        return self._chunks[start : self._at]

    def abort(self, uid: int) -> None:
        """Nothing to forget."""


class TimedBackend:
    """Passes everything on, and adds up the time that it takes there."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.inside = 0.0

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> Sequence[str]:
        """The other's answers."""
        start = time.perf_counter()
        answers = self._backend.detokenize(requests)
        self.inside += time.perf_counter() - start
        return answers

    def abort(self, uid: int) -> None:
        """Passed on as well."""
        self._backend.abort(uid)


def run(project: Project, announce: Announce) -> Report:
    """Measure on the goldens of the default set, with a table of answers and with `impls/python`."""
    target = find_target("python", project.impls)
    rows: list[tuple[Cell, ...]] = []
    everything: list[Timing] = []
    for name in chosen((), read_pins(project.corpora)):
        announce(f"share: {name}")
        folder = resolve(name, project.corpora, announce)
        paths = _goldens(project.goldens / name)
        chunks = [chunk for path in paths for case in read_detokenize(path) for chunk in case.expected.values()]
        bare = [_table_run(paths, chunks) for _ in range(_ROUNDS)]
        real = [_real_run(paths, load_factory(target.spec), folder) for _ in range(_ROUNDS)]
        everything.append(sorted(real, key=lambda timing: timing.total)[_ROUNDS // 2])
        rows.append(
            (
                name,
                bare[0].messages,
                statistics.median(timing.messages / timing.total for timing in bare),
                statistics.median(timing.messages / timing.total for timing in real),
                statistics.median(1 - timing.inside / timing.total for timing in real),
            )
        )
    messages, total = sum(timing.messages for timing in everything), sum(timing.total for timing in everything)
    share = 1 - sum(timing.inside for timing in everything) / total
    rows.append(("all", messages, None, messages / total, share))
    return Report(
        "The harness's own share of a run in one process",
        (
            Column("tokenizer"),
            Column("messages", ",d"),
            Column("messages/s with a table", ",.0f"),
            Column("with impls/python", ",.0f"),
            Column("harness's share", ".1%"),
        ),
        tuple(rows),
        (f"medians of {_ROUNDS} rounds over all goldens; the table answers what is expected, and costs nothing",),
    )


def _table_run(paths: Sequence[pathlib.Path], chunks: Sequence[str]) -> Timing:
    backend = TableBackend(chunks)
    messages, total = _replay(paths, lambda _: backend, pathlib.Path())  # type: ignore[arg-type, return-value]
    return Timing(messages, total, 0.0)


def _real_run(paths: Sequence[pathlib.Path], factory: Factory, folder: pathlib.Path) -> Timing:
    backend = TimedBackend(factory(folder))
    messages, total = _replay(paths, lambda _: backend, folder)  # type: ignore[arg-type, return-value]
    return Timing(messages, total, backend.inside)


def _replay(paths: Sequence[pathlib.Path], factory: Factory, folder: pathlib.Path) -> tuple[int, float]:
    """Read, replay and compare every golden, as the gate does in one process."""
    connection = DirectConnection(factory, folder)
    messages = 0
    start = time.perf_counter()
    for case in _cases(paths):
        if not case.expected.matches(connection.detokenize(case.program)):
            raise AssertionError(f"{case.program.id} is red: there is nothing to time")
        messages += len(case.program.uids)
    return messages, time.perf_counter() - start


def _cases(paths: Sequence[pathlib.Path]) -> Iterator[DetokenizeCase]:
    for path in paths:
        yield from read_detokenize(path)


def _goldens(folder: pathlib.Path) -> list[pathlib.Path]:
    entries = read_manifest(folder).goldens
    return [verify(folder, entry) for entry in entries if entry.operation == "detokenize"]
