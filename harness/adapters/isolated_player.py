"""An implementation in a process of its own that is asked scripts: a crash or a hang costs that process only.

Scripts go over a pipe, and the child notes in shared memory which step of which script it is about to ask.
"""

from __future__ import annotations

import pathlib
import socket
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from typing import TypeAlias

import msgspec

from harness.adapters.isolated import search_path
from harness.adapters.notes import Notes
from harness.adapters.player import Played
from harness.adapters.process import ChildProcess
from harness.errors import TargetError
from harness.laws import Fault
from harness.model import Kind
from harness.script import Answer, Raised, Script, to_data


class PlayedData(msgspec.Struct):
    """What became of a script: answers and refusals, and a fault as (step, slot, what)."""

    answers: list[list[str | list[int]] | dict[str, str] | None]
    fault: tuple[int, int, str] | None = None


class Started(msgspec.Struct, tag="started"):
    """The implementation was made, and has these capabilities."""

    capabilities: list[str]


class Refused(msgspec.Struct, tag="refused"):
    """The implementation can't be made."""

    message: str
    cause: str
    hint: str


class Answered(msgspec.Struct, tag="answered"):
    """What became of each script."""

    played: list[PlayedData]


Reply: TypeAlias = Started | Refused | Answered
_decode = msgspec.msgpack.Decoder(Reply).decode
_RENEW = msgspec.msgpack.encode(None)


class IsolatedPlayer:
    """The implementation `spec` in a child process; it has `patience` seconds for each call.

    Raises `TargetError` if it can't be made.
    """

    def __init__(self, spec: str, folder: pathlib.Path, *, start_timeout: float = 60.0, patience: float = 10.0) -> None:
        self._spec, self._folder = spec, folder
        self._start_timeout, self._patience = start_timeout, patience
        self._shared = Notes(2)
        self._notes = self._shared.values
        self._child: ChildProcess | None = None
        self._pipe: Pipe | None = None
        try:
            self.capabilities = self._start()
        except BaseException:
            self.close()
            raise

    def play(self, scripts: Sequence[Script]) -> list[Played]:
        """See `Player.play`."""
        if not scripts:
            return []
        if self._pipe is None:
            self._start()
        reply = self._ask(msgspec.msgpack.encode([to_data(script) for script in scripts]), self._patience)
        if isinstance(reply, Answered):
            return [_played(played) for played in reply.played]
        number, step = self._notes
        kind, what = reply if isinstance(reply, tuple) else (Kind.ERROR, "its process sent what isn't an answer")
        # What was answered before is lost with the process: those scripts are asked again, of another one.
        fault: Played = ([], Fault(step, 0, what, kind))
        return [*self.play(scripts[:number]), fault, *self.play(scripts[number + 1 :])]

    def renew(self) -> None:
        """See `Player.renew`."""
        if self._pipe is None or not isinstance(self._ask(_RENEW, self._start_timeout), Started):
            self._stop()
            self._start()

    def close(self) -> None:
        """See `Player.close`."""
        self._stop()
        self._shared.close()

    def _start(self) -> frozenset[str]:
        ours, theirs = socket.socketpair()
        argv = (sys.executable, "-m", "harness.adapters.player_child", self._spec, str(self._folder))
        self._child = ChildProcess(
            [*argv, str(theirs.fileno()), str(self._shared.fd)],
            env={"PYTHONPATH": search_path()},
            pass_fds=(theirs.fileno(), self._shared.fd),
        )
        theirs.close()
        self._pipe = Pipe(ours.detach())
        reply = self._receive(self._start_timeout)
        if isinstance(reply, Started):
            return frozenset(reply.capabilities)
        self._stop()
        if isinstance(reply, Refused):
            raise TargetError(f"{self._spec}: {reply.message}", cause=reply.cause, hint=reply.hint)
        cause = reply[1] if isinstance(reply, tuple) else "its process sent something else"
        raise TargetError(f"{self._spec} doesn't start", cause=cause, hint="search it with --in-process to debug it")

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._child is not None:
            self._child.stop(grace=0)
            self._child = None

    def _ask(self, order: bytes, patience: float) -> Reply | tuple[Kind, str]:
        """The child's reply; or what became of it, and then it is stopped."""
        assert self._pipe is not None
        self._notes[0] = self._notes[1] = 0
        try:
            self._pipe.send_bytes(order)
        except (BrokenPipeError, ConnectionResetError):
            reply: Reply | tuple[Kind, str] = self._crash()
        else:
            reply = self._receive(patience)
        if not isinstance(reply, Answered | Started):
            self._stop()
        return reply

    def _receive(self, patience: float) -> Reply | tuple[Kind, str]:
        assert self._pipe is not None
        seen, deadline = tuple(self._notes), time.monotonic() + patience
        while not self._pipe.poll(min(0.5, patience)):
            if tuple(self._notes) != seen:
                seen, deadline = tuple(self._notes), time.monotonic() + patience
            elif time.monotonic() >= deadline:
                return Kind.HANG, f"no answer in {patience:g} s"
        try:
            reply: Reply = _decode(self._pipe.recv_bytes())
            return reply
        except (EOFError, OSError):
            return self._crash()
        except msgspec.DecodeError as error:
            return Kind.ERROR, f"its process sent what isn't an answer: {error}"

    def _crash(self) -> tuple[Kind, str]:
        assert self._child is not None
        death = self._child.wait_death(5.0) or "closed its pipe and runs on"
        return Kind.CRASH, f"{death}\n{self._child.stderr_tail()}".rstrip()


def _played(data: PlayedData) -> Played:
    answers: list[Answer] = [Raised(a["raised"]) if isinstance(a, dict) else a for a in data.answers]
    return answers, Fault(*data.fault) if data.fault is not None else None
