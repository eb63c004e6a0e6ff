"""Folders and files put in place in one step, so that a run that is killed leaves the old or the new."""

from __future__ import annotations

import ctypes
import os
import pathlib
import shutil
import tempfile


def swap_in(new: pathlib.Path, place: pathlib.Path) -> None:
    """Put a folder in the place of another, which ends up where the new one was.

    One step where the system has it. Elsewhere it is three renames, and a kill between them leaves the old folder
    beside the new one.
    """
    if not place.exists():
        new.rename(place)
    elif not _exchange(new, place):
        old = new.with_name(new.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
        new.rename(place)
        old.rename(new)


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as scratch:
        scratch.write(data)
    pathlib.Path(scratch.name).replace(path)


def _exchange(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Exchange two paths with Linux's renameat2; False where there is no such call."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    at_cwd, exchange = -100, 2
    return bool(renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0)
