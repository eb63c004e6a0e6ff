"""Both sides of an upgrade made, each in its own environment, and compared tokenizer by tokenizer."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from harness.environments import environment, run
from harness.errors import EnvironmentFault
from harness.packages import Announce
from harness.upgrade.explain import explain, settings
from harness.upgrade.groups import Change, Difference, Grouping
from harness.upgrade.sides import Side, read_side
from harness.upgrade.worker import Job
from harness.visible import visible

_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")


@dataclass(frozen=True, slots=True)
class Maker:
    """How one side is made: with which packages, each `name==version`, and out of which folder."""

    requirements: tuple[str, ...]
    folder: pathlib.Path


@dataclass(frozen=True, slots=True)
class Compared:
    """A tokenizer whose sides were compared: the settings that differ, and the folder of the new goldens.

    `made` is empty if one side could not be made.
    """

    tokenizer: str
    settings: tuple[str, ...]
    made: pathlib.Path | None


def with_versions(base: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Requirements with the versions of some packages replaced. Raises `EnvironmentFault` if one has another form."""
    for requirement in wanted:
        if not _REQUIREMENT.fullmatch(requirement):
            raise EnvironmentFault(
                f"{visible(requirement)} is no package with a version", hint="write it as tokenizers==0.22.2"
            )
    versions = dict(requirement.split("==", 1) for requirement in (*base, *wanted))
    return tuple(f"{name}=={version}" for name, version in sorted(versions.items()))


def compare(
    name: str,
    sides: tuple[Maker, Maker],
    job: Job,
    work: pathlib.Path,
    grouping: Grouping,
    announce: Announce,
) -> Compared:
    """Make both sides of a tokenizer under `work`, side by side, and put their differences into groups.

    `job` says what is to be made; its folders are filled in for each side.
    """
    pythons = [environment(side.requirements, announce) for side in sides]
    places = [work / name / word for word in ("before", "after")]

    def make(at: int) -> Side | str:
        goldens, trace = places[at] / name, places[at] / "trace"
        goldens.mkdir(parents=True)
        trace.mkdir()
        filled = msgspec.structs.replace(
            job, folder=str(sides[at].folder), goldens=str(goldens), trace=str(trace), tokenizer=name
        )
        said = run(pythons[at], "harness.upgrade.worker", [msgspec.json.encode(filled).decode()], announce)
        return said.splitlines()[-1] if said else read_side(goldens, trace)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(make, range(2))
    if isinstance(one, Side) and isinstance(other, Side):
        announce(f"{name}: comparing")
        explain(one, other, grouping)
        return Compared(name, tuple(settings(one, other)), other.goldens)
    before, after = (side if isinstance(side, str) else "loaded" for side in (one, other))
    if isinstance(one, str) and isinstance(other, str):
        raise EnvironmentFault(
            f"neither side of {name} can be made", cause=f"before: {one}; after: {other}", hint="name other versions"
        )
    word = "before" if isinstance(one, str) else "after"
    cause = f"{word} the upgrade: {_without_places(before if word == 'before' else after)}"
    failed = Difference(Change.NOT_LOADED, cause, cause, name, 0, visible(before), visible(after))
    grouping.add(name, [failed])
    return Compared(name, (), None)


def _without_places(message: str) -> str:
    """An error without the line and column of the file, which differ for each tokenizer."""
    return visible(re.sub(r" at line \d+ column \d+", "", message))
