"""A module of this package in a process of its own, asked over a pipe: it may crash or hang at any time.

What is asked and answered are bytes. While it works, the child notes numbers down in shared memory, so that it is
known what it was at after a crash or a hang, and nothing on the way pays for a round trip.
"""

from __future__ import annotations

import pathlib
import socket
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe

from harness.adapters.notes import Notes
from harness.adapters.process import ChildProcess
from harness.model import Kind

_REPLY_LIMIT = 2**30


class Broken(Exception):
    """What the child did instead of answering: CRASH or HANG, and how it looked."""

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what


class PipedChild:
    """`python -m MODULE *ARGUMENTS PIPE NOTES`, where the last two are file descriptors.

    It notes down `notes` numbers, which begin with 0, and gets `memory_limit` megabytes of memory, if that is given.
    Raises `TargetError` if it can't be run. After `Broken` it is of no more use, but what it noted down can be read.
    """

    def __init__(self, module: str, arguments: Sequence[str], *, notes: int, memory_limit: int | None = None) -> None:
        self._notes = Notes(notes)
        ours, theirs = socket.socketpair()
        with theirs:
            self._pipe = Pipe(ours.detach())
            try:
                self._process = ChildProcess(
                    [sys.executable, "-m", module, *arguments, str(theirs.fileno()), str(self._notes.fd)],
                    env={"PYTHONPATH": _search_path()},
                    pass_fds=(theirs.fileno(), self._notes.fd),
                    memory_limit=memory_limit,
                )
            except BaseException:
                self._pipe.close()
                self._notes.close()
                raise

    @property
    def noted(self) -> tuple[int, ...]:
        """The numbers that it has noted down."""
        return tuple(self._notes.values)

    def ask(self, order: bytes, patience: float) -> bytes:
        """Its answer. Raises `Broken`; it may be silent for `patience` seconds each time that its notes change."""
        self._notes.values[:] = memoryview(bytes(self._notes.values.nbytes)).cast("q")
        try:
            self._pipe.send_bytes(order)
        except (BrokenPipeError, ConnectionResetError):
            raise self._crash() from None
        return self.receive(patience)

    def receive(self, patience: float) -> bytes:
        """Its next message; see `ask`."""
        seen, deadline = self.noted, time.monotonic() + patience
        while not self._pipe.poll(min(0.5, patience)):
            if self.noted != seen:
                seen, deadline = self.noted, time.monotonic() + patience
            elif time.monotonic() >= deadline:
                raise Broken(Kind.HANG, f"no answer in {patience:g} s")
        try:
            return self._pipe.recv_bytes(_REPLY_LIMIT)
        except (EOFError, OSError):
            raise self._crash() from None

    def close(self) -> None:
        """Kill it."""
        self._pipe.close()
        self._process.stop(grace=0)
        self._notes.close()

    def _crash(self) -> Broken:
        death = self._process.wait_death(5.0) or "closed its pipe and runs on"
        return Broken(Kind.CRASH, f"{death}\n{self._process.stderr_tail()}".rstrip())


def _search_path() -> str:
    """This process's own search path, so that the child finds the same modules."""
    return ":".join(dict.fromkeys([*filter(None, sys.path), str(pathlib.Path.cwd())]))
