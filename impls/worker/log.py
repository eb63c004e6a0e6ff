"""Lines about what has no answer, few enough to be read."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

Log: TypeAlias = Callable[[str], None]

LINES = 100
"""The most lines in a period; the others are counted."""
PERIOD = 1.0
"""Seconds."""


def to_stderr(line: str) -> None:
    """Write a line to standard error. That it can't be written to is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


class LimitedLog:
    """Writes `LINES` lines in a `PERIOD` and counts the others."""

    def __init__(self, write: Log = to_stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._since = clock()
        self._lines = 0
        self.held = 0

    def __call__(self, line: str) -> None:
        """Write a line, or count it."""
        now = self._clock()
        if now - self._since >= PERIOD:
            self.settle()
            self._since, self._lines = now, 0
        if self._lines < LINES:
            self._lines += 1
            self._write(line)
        else:
            self.held += 1

    def settle(self) -> None:
        """Say how many lines were counted."""
        if self.held:
            self._write(f"and {self.held} more lines, not shown")
            self.held = 0
