"""Whether memory grows with what has been answered: ten million messages, a hundred thousand streams."""

from __future__ import annotations

import itertools
import os
import pathlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from harness.adapters.link import End
from harness.assets import resolve
from harness.bench.contestants import Columns, rust
from harness.bench.figures import Cell, Column, Report
from harness.bench.load import text_streams
from harness.bench.process import resident_bytes
from harness.bench.workers import SERVICE, started
from harness.packages import Announce
from harness.project import Project
from harness.tokenizer import TransformersCodec
from harness.wire import DetokenizeMsg, encode_requests

_TOKENIZERS = ("qwen2.5", "llama2")
_STREAMS = 100_000
_TOKENS = 100
_BATCH = 250
_LIVE = (_BATCH, _STREAMS)
_LOOKS = (0.1, 0.5, 0.9)
"""When to look: all that is kept for good is there after the first tenth, and all streams live before the last."""

_Feed: TypeAlias = Callable[[Columns], object]


def run(project: Project, announce: Announce) -> Report:
    """Measure the Rust detokenizer in this process and the service, with few streams alive at a time and with all."""
    rows: list[tuple[Cell, ...]] = []
    for name in _TOKENIZERS:
        folder = resolve(name, project.corpora, announce)
        long = [s[:_TOKENS] for s in text_streams(project.corpora, TransformersCodec(folder)) if len(s) >= _TOKENS]
        streams = list(itertools.islice(itertools.cycle(long), 2 * _BATCH))
        for live in _LIVE:
            for way, looks in (("rust columns", _in_process), (SERVICE, _service)):
                announce(f"memory: {way}, {name}, {live:,} streams at a time")
                rows.append((way, name, live, *looks(project, folder, list(load(streams, live)))))
    messages = _STREAMS * _TOKENS
    return Report(
        f"Resident memory over {messages:,} messages of {_STREAMS:,} streams, MB",
        (
            Column("way in"),
            Column("tokenizer"),
            Column("streams at a time", ",d"),
            *(Column(f"after {messages * look / 1e6:g} million", ",.1f") for look in _LOOKS),
        ),
        tuple(rows),
        (f"batches of {_BATCH}; the process of `rust columns` is the bench's own, with its load in it",),
    )


def _in_process(project: Project, folder: pathlib.Path, load: Sequence[Columns]) -> list[float]:
    backend = rust(project, folder)
    return _watch(load, lambda columns: backend.detokenize_columns(*columns), os.getpid())


def _service(project: Project, folder: pathlib.Path, load: Sequence[Columns]) -> list[float]:
    with started(project.impls, folder, names=(SERVICE,)) as workers:
        service = workers[SERVICE]
        return _watch(load, lambda columns: service.exchange([_frame(columns)], End.FRONTEND), service.link.pid)


def _watch(load: Sequence[Columns], feed: _Feed, pid: int) -> list[float]:
    """Megabytes in memory each time that it is to be looked."""
    looks = [int(len(load) * look) for look in _LOOKS]
    seen: list[float] = []
    for at, columns in enumerate(load):
        if at in looks:
            seen.append(resident_bytes(pid) / 1e6)
        feed(columns)
    return seen


def load(streams: Sequence[Sequence[int]], live: int) -> Iterator[Columns]:
    """All streams, `live` of them at a time, a token of each in turn."""
    halves = [
        [array("i", [stream[step] for stream in streams[at : at + _BATCH]]) for step in range(_TOKENS)]
        for at in (0, _BATCH)
    ]
    for first in range(0, _STREAMS, live):
        uids = [array("q", range(at, at + _BATCH)) for at in range(first, first + live, _BATCH)]
        for step in range(_TOKENS):
            finished = bytes([step + 1 == _TOKENS]) * _BATCH
            for own, half in zip(uids, itertools.cycle(halves)):
                yield own, half[step], finished


def _frame(columns: Columns) -> bytes:
    rows: Iterable[tuple[int, int, int]] = zip(*columns, strict=True)
    return encode_requests([DetokenizeMsg(uid, token, bool(finished)) for uid, token, finished in rows])
