"""Frames to answers: by a back end that is asked for ids and text, or by one that takes the frames themselves."""

from __future__ import annotations

import contextlib
import importlib
import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from harness.protocol import Factory
from harness.wire import Problem, Request, RequestReader
from impls.worker.answer import Answerer, Answers, describe
from impls.worker.log import Log
from impls.worker.settings import SettingsError

if TYPE_CHECKING:
    from minisgl_tokenizer import FrameWorker

Take: TypeAlias = Callable[[], bytes | None]
"""Gives the next frame that is there; None if there is none."""

_LOGGED_TOGETHER = 10
# Each is imported only if it is asked for.
_FACTORIES = {"python": "impls.python", "rust_tokenize_only": "impls.worker.halves"}


class Frames(Protocol):
    """Answers frames; a request that can't be answered is a line to a log."""

    def answer(self, take: Take) -> Answers:
        """Answer what `take` gives until it gives None, or until there are enough messages.

        Never raises on what a frame holds, or on what is made of it.
        """


@dataclass(slots=True)
class ReadFrames:
    """Reads frames, up to `local_bs` messages together, and has an `Answerer` answer them."""

    answerer: Answerer
    reader: RequestReader
    log: Log
    local_bs: int

    def answer(self, take: Take) -> Answers:
        """See `Frames`."""
        held: list[Request] = []
        frames = size = 0
        # Frames and their bytes are counted too: a flood of bad ones must not keep what is held from being answered.
        while len(held) < self.local_bs and frames < self.local_bs and size <= self.reader.max_frame_bytes:
            frame = take()
            if frame is None:
                break
            frames += 1
            size += len(frame)
            requests, problems = self.reader.read(frame)
            held = held + requests if held else requests
            if problems:
                _report(problems, self.log)
        return self.answerer.answer(held) if held else Answers()


@dataclass(slots=True)
class RustFrames:
    """Hands frames to Rust, which reads and answers them without a Python object a message."""

    worker: FrameWorker
    log: Log

    def answer(self, take: Take) -> Answers:
        """See `Frames`."""
        frontend, backend, problems = self.worker.answer(take)
        if problems:
            _report([Problem(code, message, uid) for code, message, uid in problems], self.log)
        return Answers(frontend, backend)


@contextlib.contextmanager
def open_frames(name: str, tokenizer: pathlib.Path, reader: RequestReader, local_bs: int, log: Log) -> Iterator[Frames]:
    """What answers frames with the back end `name`. Raises `SettingsError` if it doesn't start."""
    with contextlib.ExitStack() as stack:
        try:
            if name == "rust_inprocess":
                frames: Frames = _rust_frames(tokenizer, reader, local_bs, log)
            else:
                factory: Factory = importlib.import_module(_FACTORIES[name]).factory
                backend = factory(tokenizer)
                stack.callback(backend.close)
                frames = ReadFrames(Answerer(backend, log), reader, log, local_bs)
        except Exception as error:
            raise SettingsError(f"the {name} back end doesn't start: {describe(error)}") from error
        yield frames


def _rust_frames(tokenizer: pathlib.Path, reader: RequestReader, local_bs: int, log: Log) -> Frames:
    from minisgl_tokenizer import FrameWorker

    worker = FrameWorker(
        tokenizer,
        local_bs=local_bs,
        max_frame_bytes=reader.max_frame_bytes,
        max_prompt_characters=reader.max_prompt_characters,
    )
    return RustFrames(worker, log)


def _report(problems: Sequence[Problem], log: Log) -> None:
    """Problems that came together, as a few lines."""
    for problem in problems[:_LOGGED_TOGETHER]:
        who = "" if problem.uid is None else f" of uid {problem.uid}"
        log(f"{problem.code}{who}: {problem.message}")
    if len(problems) > _LOGGED_TOGETHER:
        log(f"and {len(problems) - _LOGGED_TOGETHER} more bad messages with it")
