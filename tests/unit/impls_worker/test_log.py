"""How many lines a worker writes."""

from __future__ import annotations

import io
import sys

import pytest

from impls.worker.log import LINES, PERIOD, LimitedLog, to_stderr


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


def test_a_flood_is_counted_and_said_once() -> None:
    lines: list[str] = []
    clock = Clock()
    log = LimitedLog(lines.append, clock)
    for at in range(5000):
        log(str(at))
    assert lines == [str(at) for at in range(LINES)]
    clock.now += PERIOD
    log("later")
    assert lines[LINES:] == [f"and {5000 - LINES} more lines, not shown", "later"]
    log.settle()
    assert len(lines) == LINES + 2


def test_what_was_counted_is_said_when_asked() -> None:
    lines: list[str] = []
    log = LimitedLog(lines.append, Clock())
    for _ in range(LINES + 3):
        log("bad")
    assert log.held == 3
    log.settle()
    assert (lines[-1], log.held) == ("and 3 more lines, not shown", 0)


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("closed")], ids=repr)
def test_a_log_that_is_closed_is_survived(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise error

    monkeypatch.setattr(sys, "stderr", Closed())
    to_stderr("bad")
