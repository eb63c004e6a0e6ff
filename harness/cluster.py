"""The engine that spreads cases over a Ray cluster; the only module that imports ray."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import pathlib
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from harness.adapters.connection import Connection
from harness.assets import folder_hash
from harness.engine import Outcome, Session, Suite, Terms, connect, judge_case
from harness.errors import EngineError, GoldenError, TargetError
from harness.golden import Entry, read_manifest, verify
from harness.spread import Job, Judged, Span, judge_span, span_cases, spread
from harness.targets import Target

_START = 120.0
"""Seconds that the cluster has to offer a worker."""

_MOST_FAILED = 3
"""Workers that may die one after the other before any of them got ready."""

_STORE = 80 * 2**20
"""Bytes of a local cluster's object store, the least that Ray takes: outcomes are small and don't go through it."""


class RayEngine:
    """Workers of a Ray cluster: of the one at `address`, or of one that is started here and ends with the block.

    `workers` is how many there are, one for each CPU of the cluster if it is None.
    Raises `EngineError` if Ray isn't installed, or the cluster can't be had.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address = address
        self._workers = workers
        self._folder: TemporaryDirectory[str] | None = None
        self._crew: _RayCrew | None = None

    def __enter__(self) -> Self:
        ray = _import_ray()
        try:
            if self._address is None:
                # Not in TMPDIR: the address of a Unix socket in it has room for about a hundred bytes.
                self._folder = TemporaryDirectory(prefix="tokparity-", dir="/tmp", ignore_cleanup_errors=True)
                ray.init(
                    # Whatever RAY_ADDRESS says: without an address, `init` would follow it.
                    address="local",
                    num_cpus=self._workers or os.cpu_count(),
                    include_dashboard=False,
                    object_store_memory=_STORE,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=self._folder.name,
                )
            else:
                ray.init(address=self._address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # whatever it is: of Ray, of its processes, of the network
            self.__exit__(None, None, None)
            where = f"the Ray cluster at {self._address}" if self._address else "a Ray cluster"
            raise EngineError(
                f"{where} can't be had",
                cause=f"{type(error).__name__}: {error}",
                hint="check the address with `ray status`, or use `--engine local`",
            ) from error
        self._crew = _RayCrew(ray, self._workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew = None
        _import_ray().shutdown()
        if self._folder is not None:
            self._folder.cleanup()

    def open(self, target: Target, suite: Suite, terms: Terms) -> Session:
        """Start an implementation on a worker to see what it offers; see `Engine.open`."""
        assert self._crew is not None
        digest = read_manifest(suite.goldens).digest
        job = Job(target, suite.folder, folder_hash(suite.folder), suite.goldens.resolve(), digest, terms)
        return _RaySession(self._crew, job, suite, self._crew.capabilities(job))


class _RaySession:
    def __init__(self, crew: _RayCrew, job: Job, suite: Suite, capabilities: frozenset[str]) -> None:
        self._crew = crew
        self._job = job
        self._suite = suite
        self.capabilities = capabilities

    def outcomes(self, entry: Entry) -> Iterator[Outcome]:
        return spread(self._crew, self._job, self._suite, entry)

    def close(self) -> None:
        self._crew.abandon()


@dataclass(frozen=True, slots=True)
class _Versions:
    """What has to be the same on both sides."""

    tokparity: str
    tokenizers: str
    python: str


def _versions() -> _Versions:
    version = importlib.metadata.version
    return _Versions(version("tokparity"), version("tokenizers"), platform.python_version())


class _Worker:
    """What lives in a worker: one implementation at a time, kept from span to span."""

    def __init__(self, cwd: str, path: Sequence[str]) -> None:
        # An implementation may be named by a file, and find its modules where the command was given.
        os.chdir(cwd)
        sys.path.extend(entry for entry in path if entry not in sys.path)
        self._job: Job | None = None
        self._connection: Connection | None = None
        self._verified: dict[str, pathlib.Path] = {}

    def versions(self) -> _Versions:
        return _versions()

    def capabilities(self, job: Job) -> frozenset[str]:
        return self._ready(job).capabilities

    def judge(self, job: Job, span: Span) -> Judged:
        try:
            connection = self._ready(job)
        except TargetError as error:
            return Judged((), error)
        if span.entry.file not in self._verified:
            self._verified[span.entry.file] = verify(job.goldens, span.entry)
        cases = span_cases(self._verified[span.entry.file], span)
        return judge_span(cases, lambda case: judge_case(connection, case, job.folder), job.terms.most_faults)

    def _ready(self, job: Job) -> Connection:
        if self._job != job or self._connection is None:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._job, self._verified = None, job, {}
            if folder_hash(job.folder) != job.tokenizer_sha256 or read_manifest(job.goldens).digest != job.digest:
                raise GoldenError(
                    f"{platform.node()} has other files in {job.folder} or {job.goldens}",
                    cause="a worker judges against the files that it finds under the same paths",
                    hint="keep goldens and TOKPARITY_CACHE in folders that all machines of the cluster share",
                )
            self._connection = connect(job.target, job.folder, job.terms)
        return self._connection


class _RayCrew:
    """Actors of a Ray cluster, each of which has one CPU. See `spread.Crew`."""

    def __init__(self, ray: Any, size: int) -> None:
        self.size = size
        self._ray = ray
        self._make = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Worker)
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Span]] = {}
        self._failed = 0
        for _ in range(size):
            self._hire()

    @property
    def is_idle(self) -> bool:
        return bool(self._idle)

    def capabilities(self, job: Job) -> frozenset[str]:
        """What an implementation offers, by the first worker that can say so. Raises `TargetError`."""
        for _ in range(_MOST_FAILED):
            while not self._idle:
                self.take()
            worker = self._idle.pop()
            try:
                found: frozenset[str] = self._get(worker.capabilities.remote(job))
            except self._ray.exceptions.RayActorError:
                self._hire()
                continue
            self._idle.append(worker)
            return found
        raise TargetError(
            f"{job.target.name} doesn't start",
            cause=f"{_MOST_FAILED} workers that started it died of it",
            hint="leave --in-process out" if job.terms.in_process else "judge it with `--engine local` to see why",
        )

    def give(self, job: Job, span: Span) -> None:
        worker = self._idle.pop()
        self._busy[worker.judge.remote(job, span)] = worker, span

    def take(self) -> tuple[Span, Judged | None] | None:
        patience = None if self._busy else _START
        ready, _ = self._ray.wait([*self._busy, *self._starting], num_returns=1, timeout=patience)
        if not ready:
            raise EngineError(
                f"the cluster has no worker within {_START:g} s",
                cause=f"it has {self._ray.available_resources().get('CPU', 0):g} CPUs that are free",
                hint="ask for fewer with --ray-workers, or wait until there are some",
            )
        reference = ready[0]
        if reference in self._starting:
            self._welcome(reference)
            return None
        worker, span = self._busy.pop(reference)
        try:
            judged: Judged = self._get(reference)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError):
            self._hire()
            return span, None
        self._idle.append(worker)
        return span, judged

    def abandon(self) -> None:
        """Have new workers in the place of those that are still at work: nobody waits for what they find."""
        for worker, _ in self._busy.values():
            self._ray.kill(worker)
            self._hire()
        self._busy.clear()

    def _hire(self) -> None:
        worker = self._make.remote(str(pathlib.Path.cwd()), list(filter(None, sys.path)))
        self._starting[worker.versions.remote()] = worker

    def _welcome(self, reference: Any) -> None:
        worker = self._starting.pop(reference)
        try:
            theirs: _Versions = self._get(reference)
        except self._ray.exceptions.RayActorError as error:
            self._failed += 1
            if self._failed >= _MOST_FAILED:
                raise EngineError(
                    "the cluster's workers don't start",
                    cause=str(error),
                    hint="install tokparity with the same extras on every machine of the cluster",
                ) from error
            self._hire()
            return
        if theirs != _versions():
            raise EngineError(
                "a worker of the cluster has other versions",
                cause=f"{theirs} there, {_versions()} here",
                hint="install the same on every machine of the cluster",
            )
        self._failed = 0
        self._idle.append(worker)

    def _get(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None


def _import_ray() -> Any:
    # What it would report to its makers is nobody's business, and takes a network.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Workers are what the run waits for.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
    except ImportError as error:
        raise EngineError(
            "Ray is not installed", cause=str(error), hint="pip install 'tokparity[ray]', or use `--engine local`"
        ) from error
    return ray
