"""Keeps a worker busy: batches go out ahead of the answers, within a window."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.adapters.link import End, Link
from harness.errors import Fault
from harness.model import Kind

_LOOK = 0.05
"""Seconds without an answer after which to look whether the worker still lives."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A batch of a case, encoded as a frame of `size` messages.

    Its answer is one frame on the socket `end`; `accept` takes it in, and raises `Wrong` or `FrameError`.
    """

    batch: int
    size: int
    frame: bytes
    end: End
    accept: Callable[[bytes], None]


class Overtime(Exception):
    """The time for all answers is over."""


class Wrong(ValueError):
    """An answer isn't the one to the batch that was asked."""


@dataclass(frozen=True, slots=True)
class Window:
    """How much is on its way at a time: frames, and messages unless one frame alone has more."""

    frames: int
    messages: int


def exchange(link: Link, asks: Iterable[Ask], window: Window, timeout: float, deadline: float = math.inf) -> None:
    """Ask everything and take in all answers. Raises `Fault`, after which the link is of no more use.

    A worker that gives no answer for `timeout` seconds hangs. One that dies is blamed on the first batch
    without an answer, which is the one that it died of only if the window is a single frame.
    Raises `Overtime` if answers still come after `deadline`, a time of `time.monotonic`.
    """
    source = iter(asks)
    following = next(source, None)
    waiting: dict[End, deque[Ask]] = {end: deque() for end in End}
    frames = messages = 0
    death: str | None = None
    since = time.monotonic()
    while following is not None or frames:
        while following is not None and (
            frames == 0 or (frames < window.frames and messages + following.size <= window.messages)
        ):
            link.send(following.frame)
            waiting[following.end].append(following)
            frames += 1
            messages += following.size
            following = next(source, None)

        answered = 0
        for end, queue in waiting.items():
            while (frame := link.receive(end)) is not None:
                if not queue:
                    batch = _first(waiting)
                    raise Fault(Kind.ERROR, batch, f"a frame on the {end.value} socket that answers nothing")
                ask = queue.popleft()
                _take(ask, frame)
                answered += 1
                messages -= ask.size
        if answered:
            frames -= answered
            since = time.monotonic()
            if since > deadline:
                raise Overtime
            continue

        # The clock is read before the wait, so that a pause of this process isn't taken for the worker's.
        overdue = time.monotonic() - since >= timeout
        if link.wait(_LOOK):
            continue
        if death is not None:
            raise Fault(Kind.CRASH, _first(waiting), _with_stderr(death, link))
        if overdue:
            raise Fault(Kind.HANG, _first(waiting), _with_stderr(f"no answer within {timeout:g} s", link))
        # What a dead worker sent is still read: the next wait without a frame ends it.
        death = link.poll_death()


def _take(ask: Ask, frame: bytes) -> None:
    try:
        ask.accept(frame)
    except ValueError as error:
        raise Fault(Kind.ERROR, ask.batch, f"on the {ask.end.value} socket: {error}") from error


def _first(waiting: dict[End, deque[Ask]]) -> int:
    return min((queue[0].batch for queue in waiting.values() if queue), default=0)


def _with_stderr(message: str, link: Link) -> str:
    tail = link.stderr_tail()
    return f"{message}; the last it wrote to standard error:\n{tail}" if tail else message
