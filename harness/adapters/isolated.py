"""An implementation in a process of its own: what it does there costs the gate nothing but that case.

Cases are passed as MessagePack. The child notes which batch it is about to hand over, which after a crash or a hang
is the culprit.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence

import msgspec

from harness.adapters.piped import Broken, PipedChild
from harness.errors import Fault, TargetError
from harness.model import Kind, Program, Prompts, TokenizeRequest


class Feed(msgspec.Struct, tag="feed"):
    """A program to be fed."""

    uids: Sequence[int]
    tokens: Sequence[int]
    events: Sequence[int]
    batches: Sequence[int]
    timeout: float


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
        case_timeout: float = math.inf,
        memory_limit: int | None = None,
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._start_timeout = start_timeout
        self._batch_timeout = batch_timeout
        self._case_timeout = case_timeout
        self._memory_limit = memory_limit
        self._child: PipedChild | None = None
        self._capabilities = self._start()

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of `CAPABILITIES` the implementation has."""
        return self._capabilities

    def detokenize(self, program: Program) -> list[str]:
        """Feed a program; see `Connection.detokenize`."""
        reply = self._ask(Feed(program.uids, program.tokens, program.events, program.batches, self._case_timeout))
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
        if self._child is not None:
            self._child.close()
            self._child = None

    def _start(self) -> frozenset[str]:
        self._child = PipedChild(
            "harness.adapters.child", [self._spec, str(self._folder)], notes=1, memory_limit=self._memory_limit
        )
        try:
            reply = _decode_reply(self._child.receive(self._start_timeout))
        except (Broken, msgspec.DecodeError) as error:
            self.close()
            hint = "run it in-process to debug it"
            raise TargetError(f"{self._spec} doesn't start", cause=str(error), hint=hint) from None
        except BaseException:
            self.close()
            raise
        if isinstance(reply, Ready):
            return frozenset(reply.capabilities)
        self.close()
        if isinstance(reply, Refused):
            raise TargetError(f"{self._spec}: {reply.message}", cause=reply.cause, hint=reply.hint)
        raise TargetError(f"{self._spec} doesn't start", cause=f"its process sent {type(reply).__name__}")

    def _ask(self, order: Order) -> Reply:
        if self._child is None:
            self._start()
        assert self._child is not None
        try:
            reply: Reply = _decode_reply(self._child.ask(_encode(order), self._batch_timeout))
        except Broken as broken:
            fault = Fault(broken.kind, self._child.noted[0], broken.what)
            self.close()
            raise fault from None
        except msgspec.DecodeError as error:
            fault = Fault(Kind.ERROR, self._child.noted[0], f"its process sent what isn't an answer: {error}")
            self.close()
            raise fault from None
        if isinstance(reply, Failed):
            self.close()
            limited = reply.kind is Kind.CRASH and self._memory_limit is not None
            note = f", with its memory limited to {self._memory_limit} MB" if limited else ""
            raise Fault(reply.kind, reply.batch, reply.message + note, reply.answered)
        return reply

    def _broken(self, reply: Reply) -> Fault:
        self.close()
        return Fault(Kind.ERROR, 0, f"its process answered with {type(reply).__name__}")
