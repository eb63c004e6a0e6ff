"""An implementation in a process of its own: what it does there costs the gate nothing but that case.

Cases go over a pipe as MessagePack, and the child notes in shared memory which batch it is about to hand over:
after a crash or a hang that is the culprit, and no batch pays for a round trip.
"""

from __future__ import annotations

import pathlib
import socket
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe

import msgspec

from harness.adapters.notes import Notes
from harness.adapters.process import ChildProcess
from harness.errors import Fault, TargetError
from harness.model import Kind, Program, Prompts, TokenizeRequest

_REPLY_LIMIT = 2**30


class Feed(msgspec.Struct, tag="feed"):
    """A program to be fed."""

    uids: Sequence[int]
    tokens: Sequence[int]
    events: Sequence[int]
    batches: Sequence[int]


class Encode(msgspec.Struct, tag="encode"):
    """Prompts to be encoded."""

    batches: Sequence[Sequence[TokenizeRequest]]


class Ready(msgspec.Struct, tag="ready"):
    """The factory made a backend with these methods."""

    capabilities: list[str]


class Refused(msgspec.Struct, tag="refused"):
    """The factory can't be had or didn't make a backend."""

    message: str
    cause: str
    hint: str


class Answered(msgspec.Struct, tag="answered"):
    """The chunks of a program."""

    chunks: list[str]


class Encoded(msgspec.Struct, tag="encoded"):
    """The ids of each prompt."""

    ids: list[list[int]]


class Failed(msgspec.Struct, tag="failed"):
    """A batch that the implementation didn't answer as it should."""

    batch: int
    message: str
    kind: Kind = Kind.ERROR
    answered: list[str] = []


Reply = Ready | Refused | Answered | Encoded | Failed
Order = Feed | Encode

_decode_reply = msgspec.msgpack.Decoder(Reply).decode
_encode = msgspec.msgpack.Encoder().encode


class IsolatedConnection:
    """The implementation `spec` (`module:factory` or `file.py:factory`) in a child process.

    Times are in seconds, `memory_limit` in megabytes. Raises `TargetError` if the factory raises or isn't done in
    `start_timeout`.
    """

    def __init__(
        self,
        spec: str,
        folder: pathlib.Path,
        *,
        start_timeout: float = 60.0,
        batch_timeout: float = 30.0,
        memory_limit: int | None = None,
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._start_timeout = start_timeout
        self._batch_timeout = batch_timeout
        self._memory_limit = memory_limit
        self._notes = Notes(1)
        self._batch = self._notes.values
        self._child: ChildProcess | None = None
        self._pipe: Pipe | None = None
        try:
            self._capabilities = self._start()
        except BaseException:
            self.close()
            raise

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of `CAPABILITIES` the implementation has."""
        return self._capabilities

    def detokenize(self, program: Program) -> list[str]:
        """Feed a program; see `Connection.detokenize`."""
        reply = self._ask(Feed(program.uids, program.tokens, program.events, program.batches))
        if isinstance(reply, Answered):
            return reply.chunks
        raise self._broken(reply)

    def tokenize(self, prompts: Prompts) -> list[Sequence[int]]:
        """Encode a case; see `Connection.tokenize`."""
        reply = self._ask(Encode(prompts.batches))
        if isinstance(reply, Encoded):
            return list(reply.ids)
        raise self._broken(reply)

    def close(self) -> None:
        """Stop the child."""
        self._stop()
        self._notes.close()

    def _start(self) -> frozenset[str]:
        ours, theirs = socket.socketpair()
        self._child = ChildProcess(
            [
                *(sys.executable, "-m", "harness.adapters.child", self._spec, str(self._folder)),
                *(str(theirs.fileno()), str(self._notes.fd)),
            ],
            env={"PYTHONPATH": search_path()},
            pass_fds=(theirs.fileno(), self._notes.fd),
            memory_limit=self._memory_limit,
        )
        theirs.close()
        self._pipe = Pipe(ours.detach())
        try:
            reply = self._receive(self._start_timeout)
        except Fault as fault:
            self._stop()
            raise TargetError(
                f"{self._spec} doesn't start", cause=fault.message, hint="run it in-process to debug it"
            ) from None
        if isinstance(reply, Ready):
            return frozenset(reply.capabilities)
        self._stop()
        if isinstance(reply, Refused):
            raise TargetError(f"{self._spec}: {reply.message}", cause=reply.cause, hint=reply.hint)
        raise TargetError(f"{self._spec} doesn't start", cause=f"its process sent {type(reply).__name__}")

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._child is not None:
            self._child.stop(grace=0)
            self._child = None

    def _ask(self, order: Order) -> Reply:
        if self._pipe is None:
            self._start()
        assert self._pipe is not None
        self._batch[0] = 0
        try:
            self._pipe.send_bytes(_encode(order))
            reply = self._receive(self._batch_timeout)
        except Fault:
            self._stop()
            raise
        except (BrokenPipeError, ConnectionResetError):
            crash = self._crash()
            self._stop()
            raise crash from None
        if isinstance(reply, Failed):
            self._stop()
            limited = reply.kind is Kind.CRASH and self._memory_limit is not None
            note = f", with its memory limited to {self._memory_limit} MB" if limited else ""
            raise Fault(reply.kind, reply.batch, reply.message + note, reply.answered)
        return reply

    def _receive(self, patience: float) -> Reply:
        """The child's next message; gives it `patience` seconds for each batch."""
        assert self._pipe is not None
        batch, deadline = self._batch[0], time.monotonic() + patience
        while not self._pipe.poll(min(0.5, patience)):
            if self._batch[0] != batch:
                batch, deadline = self._batch[0], time.monotonic() + patience
            elif time.monotonic() >= deadline:
                raise Fault(Kind.HANG, batch, f"no answer in {patience:g} s")
        try:
            reply: Reply = _decode_reply(self._pipe.recv_bytes(_REPLY_LIMIT))
            return reply
        except (EOFError, OSError):
            raise self._crash() from None
        except msgspec.DecodeError as error:
            raise Fault(Kind.ERROR, self._batch[0], f"its process sent what isn't an answer: {error}") from None

    def _crash(self) -> Fault:
        assert self._child is not None
        death = self._child.wait_death(5.0) or "closed its pipe and runs on"
        tail = self._child.stderr_tail()
        return Fault(Kind.CRASH, self._batch[0], f"{death}\n{tail}".rstrip())

    def _broken(self, reply: Reply) -> Fault:
        self._stop()
        return Fault(Kind.ERROR, 0, f"its process answered with {type(reply).__name__}")


def search_path() -> str:
    """This process's own search path, so that the child finds the same modules."""
    return ":".join(dict.fromkeys([*filter(None, sys.path), str(pathlib.Path.cwd())]))
