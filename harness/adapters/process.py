"""A child process that may crash or hang: started, watched, described and stopped."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import IO

from harness.errors import TargetError

GRACE = 5.0
"""Seconds that a process has between the request to end and the kill."""

_TAIL_BYTES = 4096
_LINE_POLL = 0.005


def describe_exit(returncode: int) -> str:
    """A return code as `subprocess` gives it, in words: "killed by SIGSEGV" or "exited with 3"."""
    if returncode >= 0:
        return f"exited with {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"


class ChildProcess:
    """A process with a session and process group of its own.

    `env` is added to this process's environment; `pass_fds` stay open in the child under the same numbers.
    `memory_limit` is the most megabytes of address space that it gets, and each process that it starts.
    Both outputs go to unnamed files: a child that writes much never blocks on a pipe nobody reads.
    The whole group is killed at the latest when this object goes or this process exits.
    Raises `TargetError` if the program can't be run.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: pathlib.Path | None = None,
        pass_fds: Sequence[int] = (),
        memory_limit: int | None = None,
    ) -> None:
        self.argv = tuple(argv)
        self._memory_limit = memory_limit
        if memory_limit is not None and not hasattr(resource, "prlimit"):
            raise TargetError("memory can't be limited on this system", hint="leave --memory-limit out")
        self._stdout: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._last_tail = ""
        try:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=self._stdout,
                stderr=self._stderr,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                pass_fds=tuple(pass_fds),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._stdout.close()
            self._stderr.close()
            raise TargetError(
                f"can't start {self.argv[0] if self.argv else 'an empty command'}",
                cause=str(error),
                hint="check that the program exists and may be executed",
            ) from error
        if memory_limit is not None:
            # Not before the start: what runs between fork and exec must not take a lock, and Python may.
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self.pid, resource.RLIMIT_AS, (memory_limit * 2**20,) * 2)
        self._finalizer = weakref.finalize(self, _abandon, self._process, os.getpid())

    @property
    def pid(self) -> int:
        """The process id, which is the id of its group and session too."""
        return self._process.pid

    def poll_death(self) -> str | None:
        """How the process ended, in words; None while it runs. Never waits."""
        returncode = self._process.poll()
        if returncode is None:
            return None
        # Whatever the dead leader has left behind in its group would hold on to sockets and files.
        _signal_group(self._process, signal.SIGKILL)
        death = describe_exit(returncode)
        if self._memory_limit is not None and returncode != 0:
            death += f", with its memory limited to {self._memory_limit} MB"
        return death

    def wait_death(self, seconds: float) -> str | None:
        """How the process ended, waiting for that up to so many seconds; None if it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.poll_death()

    def wait_line(self, seconds: float) -> str | None:
        """The first line on standard output without its end; None if there is none in so many seconds.

        Ends early, with None, when the process dies without having written one.
        """
        deadline = time.monotonic() + seconds
        while True:
            # Asked before the file is read: a line written just before the end is then not missed.
            over = self.poll_death() is not None or time.monotonic() >= deadline
            line, end, _ = os.pread(self._stdout.fileno(), 65536, 0).partition(b"\n")
            if end:
                return line.decode(errors="replace")
            if over:
                return None
            time.sleep(_LINE_POLL)

    def stderr_tail(self, lines: int = 8) -> str:
        """The last lines of standard error, empty if there was nothing; to be had after `stop` too."""
        if not self._stderr.closed:
            # `pread` leaves the offset alone, which is the child's as well.
            size = os.fstat(self._stderr.fileno()).st_size
            tail = os.pread(self._stderr.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
            self._last_tail = tail.decode(errors="replace")
        return "\n".join(self._last_tail.splitlines()[-lines:])

    def stop(self, grace: float = GRACE) -> None:
        """End the whole group: asks, waits up to `grace` seconds, kills. With a grace of 0 it kills at once.

        May be called again.
        """
        if self._stderr.closed:
            return
        if grace > 0 and self._process.poll() is None:
            _signal_group(self._process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        _signal_group(self._process, signal.SIGKILL)
        self._process.wait()
        self._finalizer.detach()
        self.stderr_tail()
        self._stdout.close()
        self._stderr.close()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # PermissionError is what some systems say of a group in which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _abandon(process: subprocess.Popen[bytes], owner: int) -> None:
    # A forked copy of this process has the finalizer as well, but not the child.
    if os.getpid() == owner:
        _signal_group(process, signal.SIGKILL)
        process.wait()
