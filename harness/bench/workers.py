"""Worker processes on the wire, started to be measured."""

from __future__ import annotations

import contextlib
import pathlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.adapters.link import End, Link
from harness.bench import reference_worker
from harness.bench.process import cpu_seconds
from harness.errors import ParityError
from harness.targets import find_target

ORACLE = "oracle worker"
SERVICE = "Rust service"
# By their names as implementations: the worker once for each value of MINISGL_TOKENIZER_BACKEND.
_TARGETS = {
    "worker, python": "worker",
    "worker, rust_tokenize_only": "rust-worker-tokenize",
    "worker, rust_inprocess": "rust-worker",
    SERVICE: "rust-service",
}
NAMES = (ORACLE, *_TARGETS)
Others: TypeAlias = Mapping[str, Sequence[str]]
"""Commands of other workers, by name, with the placeholders of `Link`."""
NO_OTHERS: Others = {}
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a number of frames took a worker: of the processor, and by the clock."""

    processor: float
    clock: float


@dataclass(frozen=True, slots=True)
class Running:
    """A worker that is ready."""

    name: str
    link: Link

    def exchange(self, frames: Sequence[bytes], end: End, ahead: int = 1, patience: float = _PATIENCE) -> list[bytes]:
        """Send frames, up to `ahead` of them before the first is answered, and take an answer to each.

        Raises `ParityError` if there is none for `patience` seconds.
        """
        answers: list[bytes] = []
        sent = 0
        while len(answers) < len(frames):
            while sent < len(frames) and sent - len(answers) < ahead:
                self.link.send(frames[sent])
                sent += 1
            answers.append(self._receive(end, patience))
        return answers

    def cost(self, frames: Sequence[bytes], end: End, ahead: int = 1) -> Cost:
        """What answering frames takes, sent as by `exchange`."""
        processor, clock = cpu_seconds(self.link.pid), time.perf_counter()
        self.exchange(frames, end, ahead)
        clock = time.perf_counter() - clock
        return Cost(cpu_seconds(self.link.pid) - processor, clock)

    def _receive(self, end: End, patience: float) -> bytes:
        while (frame := self.link.receive(end)) is None:
            if not self.link.wait(patience):
                cause = self.link.poll_death() or self.link.stderr_tail()
                raise ParityError(f"{self.name} doesn't answer", cause=cause, hint="judge it with `parity check`")
        return frame


@contextlib.contextmanager
def started(
    impls: pathlib.Path, folder: pathlib.Path, names: Sequence[str] = NAMES, others: Others = NO_OTHERS
) -> Iterator[dict[str, Running]]:
    """Workers for a tokenizer's folder, by name: those that are known, and `others` by their commands."""
    with contextlib.ExitStack() as stack:
        running: dict[str, Running] = {}
        commands = {**{name: _command(name, impls) for name in names}, **{name: (c, {}) for name, c in others.items()}}
        for name, (command, env) in commands.items():
            link = Link(command, folder, env, None, _PATIENCE)
            stack.callback(link.close)
            running[name] = Running(name, link)
        yield running


def _command(name: str, impls: pathlib.Path) -> tuple[Sequence[str], Mapping[str, str]]:
    if name == ORACLE:
        return reference_worker.COMMAND, {}
    target = find_target(_TARGETS[name], impls)
    if target.lacking:
        raise ParityError(f"{name} can't be measured", cause=target.lacking, hint="build it first")
    return [part.replace("{python}", sys.executable) for part in target.command], target.env
