"""An implementation that is asked scripts, whole: the `Player` protocol, and the player in this process."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from harness.adapters.direct import as_ids, capabilities_of, close_backend, describe, make_backend
from harness.errors import Fault as NoIds
from harness.laws import Fault
from harness.protocol import Backend, Factory
from harness.script import Abort, Answer, Encode, Feed, Raised, Script, Step, is_hostile

Played: TypeAlias = tuple[list[Answer], Fault | None]
"""The answers to a script, up to the first one that is wrong in form, and what is wrong with that."""

Tick: TypeAlias = Callable[[int, int], None]
"""Told the script and the step that are about to be asked."""


class Player(Protocol):
    """A live implementation."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can be asked."""
        ...

    def play(self, scripts: Sequence[Script]) -> list[Played]:
        """Ask scripts one after the other. Each goes on after what was wrong with the one before."""
        ...

    def renew(self) -> None:
        """Go on with an implementation made anew."""
        ...

    def close(self) -> None:
        """Let go of the implementation."""
        ...


class DirectPlayer:
    """An implementation called in this process: fast, and as dangerous as the implementation."""

    def __init__(self, factory: Factory, folder: pathlib.Path, tick: Tick = lambda script, step: None) -> None:
        self._make = functools.partial(make_backend, factory, folder)
        self._backend: Backend = self._make()
        self._tick = tick
        self.capabilities = capabilities_of(self._backend)

    def play(self, scripts: Sequence[Script]) -> list[Played]:
        """See `Player.play`."""
        return [self._one(number, script) for number, script in enumerate(scripts)]

    def renew(self) -> None:
        """See `Player.renew`."""
        self.close()
        self._backend = self._make()

    def close(self) -> None:
        """See `Player.close`."""
        close_backend(self._backend)

    def _one(self, number: int, script: Script) -> Played:
        answers: list[Answer] = []
        for at, step in enumerate(script.steps):
            self._tick(number, at)
            answer = self._call(step)
            wrong = _wrong(step, answer)
            if wrong is not None and not (isinstance(answer, Raised) and is_hostile(step)):
                return answers, Fault(at, *wrong)
            answers.append(list(answer) if isinstance(answer, Sequence) else answer)
        return answers, None

    def _call(self, step: Step) -> Answer:
        try:
            if isinstance(step, Feed):
                return self._backend.detokenize(step.requests)
            if isinstance(step, Encode):
                return [as_ids(reply, 0, slot) for slot, reply in enumerate(self._backend.tokenize(step.requests))]
            self._backend.abort(step.uid)
            return None
        except (KeyboardInterrupt, SystemExit):
            raise
        except NoIds as fault:
            return Raised(f"an answer that is no list of ids: {fault.message}")
        except BaseException as error:  # a panic of Rust is no Exception
            return Raised(describe(error))


def _wrong(step: Step, answer: Answer) -> tuple[int, str] | None:
    """What is wrong with the form of an answer: the slot, and what it is."""
    if isinstance(answer, Raised):
        return 0, answer.what
    if isinstance(step, Abort):
        return None
    try:
        count = len(answer)  # type: ignore[arg-type]
    except TypeError:
        return 0, f"no answers: a {type(answer).__name__}"
    if count != len(step.requests):
        return 0, f"wrong number of answers: {count} to a batch of {len(step.requests)}"
    replies: Sequence[object] = answer  # type: ignore[assignment]
    for slot, reply in enumerate(replies):
        if isinstance(step, Feed) and not _is_text(reply):
            return slot, f"an answer that is no Unicode text: {reply!a}"[:200]
    return None


def _is_text(reply: object) -> bool:
    if not isinstance(reply, str):
        return False
    if reply.isascii():
        return True
    try:
        reply.encode()
    except UnicodeEncodeError:
        return False
    return True
