"""A worker process that is asked scripts over the reference's wire."""

from __future__ import annotations

import functools
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from harness.adapters.connection import CAPABILITIES
from harness.adapters.exchange import Ask
from harness.adapters.player import Played
from harness.adapters.socket import SocketConnection, ask_prompts, ask_tokens
from harness.edits import uids_of
from harness.errors import Fault as Fell
from harness.laws import Fault
from harness.model import Event, Program, Prompts
from harness.script import Abort, Answer, Encode, Raised, Script, is_hostile

_Numbered: TypeAlias = tuple[int, Answer]

_NOT_SENT = Raised("not sent: the wire has no such id")


class SocketPlayer:
    """The worker that `command` starts, as a `Player`; it has `patience` seconds for each call.

    A worker that crashed, hung or answered something else is started anew for the next script.
    The wire carries no id below 0 or from 2^32 on: a call that has one is not sent, and counts as refused.
    Raises `TargetError` if it doesn't start.
    """

    def __init__(
        self, command: Sequence[str], folder: pathlib.Path, env: Mapping[str, str], *, patience: float = 10.0
    ) -> None:
        argv = [part.replace("{python}", sys.executable) for part in command]
        self._connection = SocketConnection(argv, folder, env, batch_timeout=patience)
        self.capabilities = frozenset(CAPABILITIES)
        self.close = self._connection.close
        self.renew = self._connection.close

    def play(self, scripts: Sequence[Script]) -> list[Played]:
        """See `Player.play`."""
        return [self._one(script) for script in scripts]

    def _one(self, script: Script) -> Played:
        try:
            answered = dict(self._connection.ask(functools.partial(_asks, script), uids_of(script)))
        except Fell as fault:
            return [], Fault(fault.batch, 0, fault.message, fault.kind)
        return [answered.get(at, _NOT_SENT) for at in range(len(script.steps))], None


def _asks(script: Script, answers: list[_Numbered]) -> Iterator[Ask]:
    """The steps of a script as frames; each answer is put down with the number of its step."""
    for at, step in enumerate(script.steps):
        if is_hostile(step):
            continue
        given: list[object] = []
        if isinstance(step, Encode):
            asks = ask_prompts(Prompts("", (step.requests,)), given)  # type: ignore[arg-type]
        elif isinstance(step, Abort):
            asks = ask_tokens(Program("", [step.uid], [0], [Event.ABORT], [1]), given)  # type: ignore[arg-type]
        else:
            uids = [request.uid for request in step.requests]
            tokens = [request.next_token for request in step.requests]
            events = [Event.FINISH if request.finished else Event.FEED for request in step.requests]
            asks = ask_tokens(Program("", uids, tokens, events, [len(uids)]), given)  # type: ignore[arg-type]
        for ask in asks:
            answer = None if isinstance(step, Abort) else given
            yield replace(ask, batch=at, accept=functools.partial(_accept, ask, answers, (at, answer)))


def _accept(ask: Ask, answers: list[_Numbered], answer: _Numbered, frame: bytes) -> None:
    ask.accept(frame)
    answers.append(answer)
