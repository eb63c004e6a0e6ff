"""Finds that are kept from one search to the next, and how far a search has come."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib

from harness.errors import ParityError
from harness.script import Script, from_data, to_data


class Finds:
    """The finds of one implementation on one tokenizer under one profile, in a folder shared with all others.

    What can't be read back, for it may have been written by another version, counts as not there.
    """

    def __init__(self, folder: pathlib.Path, *names: str) -> None:
        try:
            from hypothesis.database import DirectoryBasedExampleDatabase  # the `fuzz` extra
        except ModuleNotFoundError as error:
            raise ParityError(
                "finds can't be kept", cause=str(error), hint="pip install 'tokparity[fuzz]', or search with --forget"
            ) from error
        self._name = "\n".join(names).encode()
        self._database = DirectoryBasedExampleDatabase(folder)
        self._position = folder / f"{hashlib.sha256(self._name).hexdigest()[:16]}.position"

    def fetch(self) -> list[Script]:
        """Every script that is kept, the smallest first."""
        found = []
        for data in self._database.fetch(self._name):
            try:
                found.append(from_data(json.loads(data)))
            except ValueError:
                self._database.delete(self._name, data)
        return sorted(found, key=lambda script: (script.messages, repr(script)))

    def save(self, script: Script) -> None:
        """Keep a script."""
        self._database.save(self._name, _encode(script))

    def drop(self, script: Script) -> None:
        """Forget a script, which shows nothing any more."""
        self._database.delete(self._name, _encode(script))

    @property
    def position(self) -> int:
        """The number of the script that the next search would begin with."""
        try:
            return max(0, int(self._position.read_text(encoding="ascii")))
        except (OSError, ValueError):
            return 0

    @position.setter
    def position(self, number: int) -> None:
        self._position.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._position.with_suffix(f".{os.getpid()}")
        scratch.write_text(str(number), encoding="ascii")
        scratch.replace(self._position)


def _encode(script: Script) -> bytes:
    return json.dumps(to_data(script), separators=(",", ":")).encode()
