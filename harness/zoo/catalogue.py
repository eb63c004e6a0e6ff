"""The bugs of impls/zoo, found by their files."""

from __future__ import annotations

import importlib
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import TargetError, UnknownTarget
from harness.zoo.bug import Bug

ZOO = "zoo"
"""The folder of impls/ that the bugs are in."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """A bug with the name of its file, and the spec of the factory that makes it."""

    name: str
    bug: Bug
    spec: str


def names_of_bugs(impls: pathlib.Path) -> list[str]:
    """The names of all bugs: the files of impls/zoo that have a BUG, not those they share."""
    return [
        path.stem
        for path in sorted((impls / ZOO).glob("*.py"))
        if path.stem != "__init__" and "\nBUG = " in path.read_text(encoding="utf-8")
    ]


def read_zoo(impls: pathlib.Path, names: Sequence[str] = ()) -> list[Specimen]:
    """The bugs of these names, or all. Raises `UnknownTarget` for a name that there isn't."""
    known = names_of_bugs(impls)
    for name in names:
        if name not in known:
            raise UnknownTarget(
                f"there is no bug {name!r} in {impls / ZOO}",
                cause=f"there are {', '.join(known) or 'none'}",
                hint="name one of these, or none for all",
            )
    return [_read(name) for name in (dict.fromkeys(names) or known)]


def _read(name: str) -> Specimen:
    module = f"impls.{ZOO}.{name}"
    bug = getattr(importlib.import_module(module), "BUG", None)
    if not isinstance(bug, Bug):
        raise TargetError(f"BUG in {module} is no Bug", hint="see docs/zoo.md for what a file of the zoo has")
    return Specimen(name, bug, f"{module}:factory")
