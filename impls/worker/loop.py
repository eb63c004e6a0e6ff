"""The sockets of a worker and its loop: take requests, answer, and drain when told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import zmq

from impls.worker.frames import Frames
from impls.worker.log import LimitedLog
from impls.worker.settings import Settings, SettingsError

QUIET = 0.1
"""Seconds without a frame after which a worker that was told to stop has drained its requests."""
DRAIN_LIMIT = 5.0
"""Seconds after which a worker that was told to stop does, even if requests keep coming or nobody reads."""

IDLE = 1000
"""Milliseconds without a frame after which lines that were not shown are spoken of."""


class Stop:
    """A wish to stop, from a signal or from another thread, that a poller can wait for."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self.since: float | None = None

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._read.fileno()

    def set(self) -> None:
        """Ask to stop."""
        self.since = self.since or time.monotonic()
        with contextlib.suppress(BlockingIOError):
            self._write.send(b"\0")

    def on_signals(self) -> None:
        """Stop on SIGTERM and SIGINT from now on. For the main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.set())
        # A signal that comes just before the wait would otherwise only be handled after it.
        signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)

    def close(self) -> None:
        """Let go of the descriptors."""
        self._read.close()
        self._write.close()

    @property
    def left(self) -> float:
        """Seconds left to drain in."""
        return DRAIN_LIMIT if self.since is None else max(0.0, DRAIN_LIMIT - (time.monotonic() - self.since))

    @property
    def overdue(self) -> bool:
        """Whether the time to drain is over."""
        return self.left == 0.0


@dataclass(frozen=True, slots=True)
class Sockets:
    """The three ends of a worker: requests in, answers to the back end and to the front end."""

    pull: zmq.Socket[bytes]
    backend: zmq.Socket[bytes]
    frontend: zmq.Socket[bytes]


@contextlib.contextmanager
def open_sockets(settings: Settings, max_frame_bytes: int, stop: Stop) -> Iterator[Sockets]:
    """Bind and connect as told; at the end, what was sent has the time that is left to leave.

    Raises `SettingsError`.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    kinds = {"pull": zmq.PULL, "backend": zmq.PUSH, "frontend": zmq.PUSH}
    opened: dict[str, zmq.Socket[bytes]] = {}
    try:
        for end, kind in kinds.items():
            opened[end] = context.socket(kind)
            opened[end].ipv6 = True
            # What is too long is refused by name; far beyond that the sender is cut off instead,
            # before the frame is in memory.
            opened[end].setsockopt(zmq.MAXMSGSIZE, 4 * max_frame_bytes)
            _attach(opened[end], end, getattr(settings, end), bind=end in settings.bound)
        yield Sockets(**opened)
    finally:
        for opened_end in opened.values():
            opened_end.close(linger=int(stop.left * 1000))
        context.term()


def _attach(end: zmq.Socket[bytes], name: str, address: str, *, bind: bool) -> None:
    # Another user's process must not get at a socket file, whatever its folder allows.
    mask = os.umask(0o077)
    try:
        if bind:
            # A bound name is an interface's to ZeroMQ before it is a host's.
            end.bind(address.replace("tcp://localhost:", "tcp://127.0.0.1:"))
        else:
            end.connect(address)
    except zmq.ZMQError as error:
        what = "bind" if bind else "connect"
        raise SettingsError(f"can't {what} --{name} {address}: {error}") from error
    finally:
        os.umask(mask)


@dataclass(slots=True)
class Worker:
    """Answers what comes in on its sockets."""

    sockets: Sockets
    frames: Frames
    log: LimitedLog
    stop: Stop = field(default_factory=Stop)
    _drained: bool = field(default=False, init=False)

    def run(self) -> None:
        """Answer until told to stop, then what has been received by then."""
        poller = zmq.Poller()
        poller.register(self.sockets.pull, zmq.POLLIN)
        poller.register(self.stop.fileno(), zmq.POLLIN)
        while self.stop.since is None:
            if not self.step() and not poller.poll(IDLE if self.log.held else None):
                self.log.settle()
        # A frame may be on its way from the other end's memory to this one's.
        while not self.stop.overdue and (self.step() or self.sockets.pull.poll(int(QUIET * 1000))):
            pass
        self.log.settle()

    def step(self) -> bool:
        """Answer what is there, as much as is answered together. Whether there may be more."""
        self._drained = False
        answers = self.frames.answer(self._take)
        for frame in answers.frontend:
            self._send(self.sockets.frontend, frame, "front end")
        for frame in answers.backend:
            self._send(self.sockets.backend, frame, "back end")
        return not self._drained

    def _take(self) -> bytes | None:
        try:
            return self.sockets.pull.recv(zmq.NOBLOCK)
        except zmq.Again:
            self._drained = True
            return None

    def _send(self, end: zmq.Socket[bytes], frame: bytes, name: str) -> None:
        while True:
            try:
                end.send(frame, zmq.NOBLOCK)
                return
            except zmq.Again:
                # Full, or nobody there yet: requests wait in their socket meanwhile.
                if self.stop.overdue:
                    self.log(f"a frame of {len(frame)} bytes is lost: the {name} doesn't read")
                    return
                end.poll(100, zmq.POLLOUT)
