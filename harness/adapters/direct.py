"""An implementation called in this process, and the replay that every in-Python adapter shares."""

from __future__ import annotations

import functools
import math
import operator
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from harness.adapters.connection import CAPABILITIES
from harness.errors import Fault, TargetError
from harness.model import MOST_TEXT, DetokenizeRequest, Event, Kind, Program, Prompts, batch_slices
from harness.protocol import Backend, Factory

Tick = Callable[[int], None]
"""Told the index of the batch that is about to be handed over."""

_IS_FINISH = bytes(event == Event.FINISH for event in range(256))


def capabilities_of(backend: object) -> frozenset[str]:
    """Which of `CAPABILITIES` an object has as methods."""
    return frozenset(name for name in CAPABILITIES if callable(getattr(backend, name, None)))


def make_backend(factory: Factory, folder: pathlib.Path) -> Backend:
    """Call a factory. Raises `TargetError` if it raises or makes something that can't be judged."""
    try:
        backend = factory(folder)
    except Exception as error:
        raise TargetError(
            "the factory raised", cause=describe(error), hint="make it return a backend for this folder"
        ) from error
    if not capabilities_of(backend) & {"tokenize", "detokenize"}:
        raise TargetError(
            f"the factory made a {type(backend).__name__}, which has neither tokenize nor detokenize",
            hint="see docs/implementations.md for what a backend offers",
        )
    return backend


def replay_program(backend: Backend, program: Program, tick: Tick, timeout: float = math.inf) -> list[str]:
    """Feed a program batch by batch: the chunks in order. Raises `Fault` for the first batch that fails.

    More than `MOST_TEXT` characters or `timeout` seconds are a fault too, one that has the chunks up to there.
    """
    events = bytes(program.events)
    finished: list[bool] = memoryview(events.translate(_IS_FINISH)).cast("?").tolist()  # type: ignore[assignment]
    requests = list(map(DetokenizeRequest, program.uids, program.tokens, finished))
    with_aborts = Event.ABORT in events
    chunks: list[str] = []
    start = text = 0
    deadline = time.monotonic() + timeout
    for batch, size in enumerate(program.batches):
        tick(batch)
        end = start + size
        try:
            if with_aborts and events[start] == Event.ABORT:
                backend.abort(program.uids[start])
                start = end
                continue
            answers = backend.detokenize(requests[start:end])
            count = len(answers)
        except Exception as error:
            raise Fault(Kind.CRASH if isinstance(error, MemoryError) else Kind.ERROR, batch, describe(error)) from error
        if count != size:
            raise Fault(Kind.ERROR, batch, f"{count} replies to a batch of {size}")
        chunks.extend(answers)
        start = end
        # One chunk of a batch stands for all, and they are counted only when that comes to too much.
        text += size * len(chunks[-1]) if size and type(chunks[-1]) is str else 0
        if text > MOST_TEXT:
            text = sum(len(chunk) for chunk in chunks if type(chunk) is str)
            if text > MOST_TEXT:
                _check_texts(program, chunks)
                raise Fault(Kind.ERROR, batch, f"its chunks have {text:,} characters by now", chunks)
        if time.monotonic() > deadline:
            _check_texts(program, chunks)
            raise Fault(Kind.HANG, batch, f"the case is not done in {timeout:g} s", chunks)
    if not _are_texts(chunks):
        _check_texts(program, chunks)
    return chunks


def replay_prompts(backend: Backend, prompts: Prompts, tick: Tick) -> list[Sequence[int]]:
    """Encode a case batch by batch: the ids in order. Raises `Fault` for the first batch that fails."""
    ids: list[Sequence[int]] = []
    for batch, requests in enumerate(prompts.batches):
        tick(batch)
        try:
            answers = backend.tokenize(requests)
            count = len(answers)
        except Exception as error:
            raise Fault(Kind.CRASH if isinstance(error, MemoryError) else Kind.ERROR, batch, describe(error)) from error
        if count != len(requests):
            raise Fault(Kind.ERROR, batch, f"{count} replies to a batch of {len(requests)}")
        ids.extend(as_ids(answer, batch, slot) for slot, answer in enumerate(answers))
    return ids


def describe(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class DirectConnection:
    """An implementation called in this process: fast, and as dangerous as the implementation."""

    def __init__(self, factory: Factory, folder: pathlib.Path) -> None:
        self._make = functools.partial(make_backend, factory, folder)
        self._backend: Backend | None = self._make()
        self._capabilities = capabilities_of(self._backend)

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of `CAPABILITIES` the implementation has."""
        return self._capabilities

    def detokenize(self, program: Program) -> list[str]:
        """Feed a program; see `Connection.detokenize`."""
        try:
            return replay_program(self._ready(), program, _no_tick)
        except Fault:
            self.close()
            raise

    def tokenize(self, prompts: Prompts) -> list[Sequence[int]]:
        """Encode a case; see `Connection.tokenize`."""
        try:
            return replay_prompts(self._ready(), prompts, _no_tick)
        except Fault:
            self.close()
            raise

    def close(self) -> None:
        """Close the backend; the next case would get a new one."""
        close_backend(self._backend)
        self._backend = None

    def _ready(self) -> Backend:
        if self._backend is None:
            self._backend = self._make()
        return self._backend


def close_backend(backend: Backend | None) -> None:
    """Close a backend that can be closed."""
    close: Callable[[], object] | None = getattr(backend, "close", None)
    if close is not None:
        close()


def _no_tick(batch: int) -> None:
    pass


def _check_texts(program: Program, chunks: Sequence[object]) -> None:
    answered = [
        (batch, slot)
        for batch, rows in enumerate(batch_slices(program.batches))
        for slot, event in enumerate(program.events[rows])
        if event != Event.ABORT
    ]
    for (batch, slot), chunk in zip(answered, chunks, strict=False):
        if not isinstance(chunk, str):
            raise Fault(Kind.ERROR, batch, f"the reply in slot {slot} is a {type(chunk).__name__}, not a str")
        if not _is_unicode(chunk):
            raise Fault(Kind.ERROR, batch, f"the reply in slot {slot} is not Unicode text: {chunk!a}")


def _are_texts(chunks: Sequence[object]) -> bool:
    """Whether all are Unicode texts, in two passes of C instead of a step each."""
    try:
        "".join(chunks).encode()  # type: ignore[arg-type]
    except (TypeError, UnicodeEncodeError):
        return False
    return True


def _is_unicode(text: str) -> bool:
    """Whether a text can be sent anywhere: a lone surrogate can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_ids(answer: Any, batch: int, slot: int) -> list[int]:
    """Ids as plain integers, from a list or whatever array a library uses."""
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, list | tuple):
        if set(map(type, answer)) <= {int}:
            return list(answer)
        try:
            return [operator.index(token) for token in answer if not isinstance(token, bool)]
        except TypeError:
            pass
    raise Fault(Kind.ERROR, batch, f"the reply in slot {slot} is a {type(answer).__name__} that isn't one of ids")
