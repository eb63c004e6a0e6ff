"""An implementation in a process of its own that is asked scripts: a crash or a hang costs that process only.

The child notes which step of which script it is about to ask.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from harness.adapters.piped import Broken, PipedChild
from harness.adapters.player import Played
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
        self._child: PipedChild | None = None
        self.capabilities = self._start()

    def play(self, scripts: Sequence[Script]) -> list[Played]:
        """See `Player.play`."""
        if not scripts:
            return []
        if self._child is None:
            self._start()
        assert self._child is not None
        kind, what = Kind.ERROR, "its process sent what isn't an answer"
        try:
            reply = _decode(self._child.ask(msgspec.msgpack.encode(list(map(to_data, scripts))), self._patience))
            if isinstance(reply, Answered):
                return [_played(played) for played in reply.played]
        except Broken as broken:
            kind, what = broken.kind, broken.what
        except msgspec.DecodeError as error:
            what += f": {error}"
        number, step = self._child.noted
        self.close()
        # What was answered before is lost with the process: those scripts are asked again, of another one.
        fault: Played = ([], Fault(step, 0, what, kind))
        return [*self.play(scripts[:number]), fault, *self.play(scripts[number + 1 :])]

    def renew(self) -> None:
        """See `Player.renew`."""
        if self._child is not None:
            try:
                if isinstance(_decode(self._child.ask(_RENEW, self._start_timeout)), Started):
                    return
            except (Broken, msgspec.DecodeError):
                pass
        self.close()
        self._start()

    def close(self) -> None:
        """See `Player.close`."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _start(self) -> frozenset[str]:
        self._child = PipedChild("harness.adapters.player_child", [self._spec, str(self._folder)], notes=2)
        try:
            reply = _decode(self._child.receive(self._start_timeout))
        except (Broken, msgspec.DecodeError) as error:
            self.close()
            hint = "search it with --in-process to debug it"
            raise TargetError(f"{self._spec} doesn't start", cause=str(error), hint=hint) from None
        except BaseException:
            self.close()
            raise
        if isinstance(reply, Started):
            return frozenset(reply.capabilities)
        self.close()
        if isinstance(reply, Refused):
            raise TargetError(f"{self._spec}: {reply.message}", cause=reply.cause, hint=reply.hint)
        raise TargetError(f"{self._spec} doesn't start", cause=f"its process sent {type(reply).__name__}")


def _played(data: PlayedData) -> Played:
    answers: list[Answer] = [Raised(a["raised"]) if isinstance(a, dict) else a for a in data.answers]
    return answers, Fault(*data.fault) if data.fault is not None else None
