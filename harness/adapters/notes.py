"""Numbers that a child process notes down as it goes, readable here even after it has crashed."""

from __future__ import annotations

import contextlib
import mmap
import tempfile


class Notes:
    """`count` 64-bit integers in memory that is shared by the file descriptor `fd`; they begin with 0."""

    def __init__(self, count: int) -> None:
        size = 8 * count
        # Closed by `close`, not at the end of a block.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.write(bytes(size))
        self._file.flush()
        self._memory = mmap.mmap(self._file.fileno(), size)
        self.values = memoryview(self._memory).cast("q")

    @property
    def fd(self) -> int:
        """What the child maps."""
        return self._file.fileno()

    def close(self) -> None:
        """Let go of the memory; a second time does nothing."""
        with contextlib.suppress(ValueError):
            self.values.release()
            self._memory.close()
        self._file.close()
