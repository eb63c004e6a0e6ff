"""What the system knows of another process: its processor time and its memory. Linux only."""

from __future__ import annotations

import pathlib
import resource
import sys
import time

from harness.errors import ParityError


def cpu_seconds(pid: int) -> float:
    """The processor time of all threads of a process, those that have ended among them, to the nanosecond."""
    _linux_only()
    # The clock of a process is numbered by its id: see clock_getcpuclockid in the C library.
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid: int) -> int:
    """How much of a process is in memory."""
    _linux_only()
    pages = pathlib.Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def _linux_only() -> None:
    if sys.platform != "linux":
        raise ParityError("other processes can be measured on Linux only", hint="choose other tables")
