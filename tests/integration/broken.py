"""Back ends that are each broken in one way, wherever they meet the token `TRIGGER`."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from harness.model import DetokenizeRequest, TokenizeRequest
from impls.python.backend import PythonBackend
from impls.python.backend import factory as python_factory

TRIGGER = 33
"""The id of "!" in the small tokenizer."""

Spoil = Callable[[list[Any]], Any]


class Spoiled:
    """Passes everything on, and spoils the answers to a batch in which the trigger is."""

    def __init__(self, folder: pathlib.Path, spoil: Spoil) -> None:
        self._inner: PythonBackend = python_factory(folder)
        self._spoil = spoil

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> Any:
        answers = self._inner.tokenize(requests)
        return self._spoil(list(answers)) if any("!" in str(r.prompt) for r in requests) else answers

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> Any:
        answers = self._inner.detokenize(requests)
        if any(request.next_token == TRIGGER for request in requests):
            return self._spoil(list(answers))
        return answers

    def abort(self, uid: int) -> None:
        self._inner.abort(uid)


class OnlyDetokenize:
    def __init__(self, folder: pathlib.Path) -> None:
        self._inner = python_factory(folder)

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        return self._inner.detokenize(requests)


class NoTokenize(OnlyDetokenize):
    def abort(self, uid: int) -> None:
        self._inner.abort(uid)


class NoAbort(OnlyDetokenize):
    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        return self._inner.tokenize(requests)


class NoDetokenize:
    def __init__(self, folder: pathlib.Path) -> None:
        self._inner = python_factory(folder)

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        return self._inner.tokenize(requests)


class Delayed(NoTokenize):
    """Holds the trigger's chunk back until the next one of its uid."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder)
        self._held: dict[int, str] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        chunks = []
        for request, chunk in zip(requests, self._inner.detokenize(requests), strict=True):
            chunk = self._held.pop(request.uid, "") + chunk
            if request.next_token == TRIGGER and not request.finished:
                self._held[request.uid], chunk = chunk, ""
            chunks.append(chunk)
        return chunks


def _segfault(answers: list[Any]) -> list[Any]:
    print("about to fall over", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    return answers


def _exit(answers: list[Any]) -> list[Any]:
    os._exit(3)


def _hang(answers: list[Any]) -> list[Any]:
    time.sleep(600)
    return answers


def _hoard(answers: list[Any]) -> list[Any]:
    # Asked for and never touched: without a limit it costs nothing.
    bytearray(2**31)
    return answers


def _hoard_and_die(answers: list[Any]) -> list[Any]:
    try:
        return _hoard(answers)
    except MemoryError:
        os.abort()


def _dawdle(answers: list[Any]) -> list[Any]:
    time.sleep(0.4)
    return answers


def _flood(answers: list[Any]) -> list[Any]:
    return [answer * 2**18 for answer in answers]


def _raise(answers: list[Any]) -> list[Any]:
    raise RuntimeError("no\n  such   token")


def _kill_parent(answers: list[Any]) -> list[Any]:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
    return answers


def _kill_parent_once(answers: list[Any]) -> list[Any]:
    try:
        pathlib.Path(os.environ["KILLED_ONCE"]).touch(exist_ok=False)
    except FileExistsError:
        return answers
    return _kill_parent(answers)


def good(folder: pathlib.Path) -> object:
    return python_factory(folder)


def segfault(folder: pathlib.Path) -> object:
    return Spoiled(folder, _segfault)


def exits(folder: pathlib.Path) -> object:
    return Spoiled(folder, _exit)


def hangs(folder: pathlib.Path) -> object:
    return Spoiled(folder, _hang)


def hoards(folder: pathlib.Path) -> object:
    return Spoiled(folder, _hoard)


def hoards_and_dies(folder: pathlib.Path) -> object:
    return Spoiled(folder, _hoard_and_die)


def raises(folder: pathlib.Path) -> object:
    return Spoiled(folder, _raise)


def too_few(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: answers[1:])


def too_many(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: [*answers, answers[0]])


def as_bytes(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: [str(answer).encode() for answer in answers])


def as_none(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: [None for _ in answers])


def as_ints(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: [7 for _ in answers])


def surrogate(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: ["\ud800" for _ in answers])


def reorders(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: answers[::-1])


def doubles(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: [answer * 2 for answer in answers])


def floods(folder: pathlib.Path) -> object:
    return Spoiled(folder, _flood)


def dawdles(folder: pathlib.Path) -> object:
    return Spoiled(folder, _dawdle)


def drops(folder: pathlib.Path) -> object:
    return Spoiled(folder, lambda answers: ["" for _ in answers])


def delays(folder: pathlib.Path) -> object:
    return Delayed(folder)


def no_tokenize(folder: pathlib.Path) -> object:
    return NoTokenize(folder)


def no_abort(folder: pathlib.Path) -> object:
    return NoAbort(folder)


def no_detokenize(folder: pathlib.Path) -> object:
    return NoDetokenize(folder)


def makes_object(folder: pathlib.Path) -> object:
    return object()


def cannot_start(folder: pathlib.Path) -> object:
    raise OSError("the disk is on fire")


def kills_its_worker(folder: pathlib.Path) -> object:
    """For a worker that has the implementation in a process of its own."""
    return Spoiled(folder, _kill_parent)


def kills_its_worker_once(folder: pathlib.Path) -> object:
    return Spoiled(folder, _kill_parent_once)
