"""A worker process and the three sockets that lead to it."""

from __future__ import annotations

import enum
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

import zmq

from harness.adapters.process import GRACE, ChildProcess
from harness.errors import TargetError

READY = "ready"
"""The line that a worker writes to standard output once its requests can be sent."""

_LONGEST_SOCKET_FOLDER = 80
_LONGEST_FRAME = 256 * 2**20


class End(enum.Enum):
    """One of the two sockets on which a worker answers."""

    FRONTEND = "front end"
    BACKEND = "back end"


class Link:
    """A running worker, its sockets in a folder that only this user can enter.

    The placeholders {tokenizer}, {pull}, {backend} and {frontend} in the command become the folder and the
    addresses; the worker binds the first address, this side the other two.
    Raises `TargetError` if the worker isn't ready within `start_timeout` seconds.
    """

    def __init__(
        self,
        command: Sequence[str],
        tokenizer: pathlib.Path,
        env: Mapping[str, str],
        cwd: pathlib.Path | None,
        start_timeout: float,
        memory_limit: int | None = None,
    ) -> None:
        self._folder = _socket_folder()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self._ends: dict[End, zmq.Socket[bytes]] = {}
        self._process: ChildProcess | None = None
        try:
            addresses = {name: f"ipc://{self._folder.name}/{name}" for name in ("pull", "backend", "frontend")}
            for end in End:
                socket = self._ends[end] = self._context.socket(zmq.PULL)
                socket.setsockopt(zmq.MAXMSGSIZE, _LONGEST_FRAME)
                socket.bind(addresses[end.name.lower()])
                self._poller.register(socket, zmq.POLLIN)
            argv = _fill(command, {"tokenizer": str(tokenizer), **addresses})
            self._process = ChildProcess(argv, env, cwd, memory_limit=memory_limit)
            _await_ready(self._process, start_timeout)
            self._push = self._context.socket(zmq.PUSH)
            # What can be in flight is bounded by the sender, which must not block here.
            self._push.sndhwm = 0
            self._push.connect(addresses["pull"])
        except BaseException:
            self.close(grace=0)
            raise

    @property
    def pid(self) -> int:
        """The worker's process id."""
        assert self._process is not None
        return self._process.pid

    def send(self, frame: bytes) -> None:
        """Send a frame to the worker. Never waits."""
        self._push.send(frame, zmq.NOBLOCK)

    def receive(self, end: End) -> bytes | None:
        """The next frame on a socket; None if there is none now."""
        try:
            return self._ends[end].recv(zmq.NOBLOCK)
        except zmq.Again:
            return None

    def wait(self, seconds: float) -> bool:
        """Whether a frame is there on one of the sockets, waiting for it up to so many seconds."""
        return bool(self._poller.poll(int(seconds * 1000)))

    def poll_death(self) -> str | None:
        """How the worker ended, in words; None while it runs."""
        return self._process.poll_death() if self._process else None

    def stderr_tail(self) -> str:
        """The last lines that the worker wrote to standard error."""
        return self._process.stderr_tail() if self._process else ""

    def close(self, grace: float = GRACE) -> None:
        """Stop the worker, as `ChildProcess.stop`, and remove the sockets."""
        if self._process:
            self._process.stop(grace)
        self._context.destroy(linger=0)
        self._folder.cleanup()


def _socket_folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="tokparity-", ignore_cleanup_errors=True)
    if len(folder.name) > _LONGEST_SOCKET_FOLDER:
        # The address of a Unix socket has room for about a hundred bytes, and TMPDIR can be long.
        folder.cleanup()
        folder = tempfile.TemporaryDirectory(prefix="tokparity-", dir="/tmp", ignore_cleanup_errors=True)
    return folder


def _fill(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    argv = list(command)
    for name, value in values.items():
        argv = [argument.replace("{" + name + "}", value) for argument in argv]
    return argv


def _await_ready(process: ChildProcess, seconds: float) -> None:
    line = process.wait_line(seconds)
    if line is not None and line.strip() == READY:
        return
    death = process.poll_death()
    if line is not None:
        what = f"it wrote {line[:200]!r} in place of {READY!r}"
    else:
        what = f"it {death} first" if death else f"it still isn't after {seconds:g} s"
        what = what.replace("it killed", "it was killed")
    process.stop(grace=0)
    tail = process.stderr_tail()
    raise TargetError(
        f"the worker doesn't get ready: {process.argv[0]}",
        cause=f"{what}\n{tail}" if tail else what,
        hint="run the command by hand: it must write one line, 'ready', once its request socket is bound",
    )
