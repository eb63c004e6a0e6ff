"""One search after the other: implementations on tokenizers, with what was kept, and exports."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.errors import ParityError
from harness.export import Regression, write
from harness.fuzz import Budget, Find, Mended, Searching, Setting, hunt, isolated_judge_of, judge_of, worker_judge_of
from harness.judges import Judge
from harness.kept import Finds
from harness.targets import Target, load_factory, searchable

_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to search: `seed` and `budget` for each implementation on each tokenizer.

    `finds` is the folder in which finds are kept, None for none; `export` that in which they are written as tests.
    With `in_process` an implementation is called in this process, not in one of its own.
    With `resume` a search goes on where the last one of the same seed ended.
    """

    profile: str
    seed: int
    budget: Budget
    finds: pathlib.Path | None
    export: pathlib.Path | None
    in_process: bool = False
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Began:
    """A search begins, with so many finds of earlier ones to ask first."""

    target: str
    setting: Setting
    kept: int
    first: int


@dataclass(frozen=True, slots=True)
class Found:
    """A find, and the file that it was written to, if it was."""

    target: str
    setting: Setting
    find: Find
    exported: pathlib.Path | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A search is over: how far it came, and how many classes it found."""

    target: str
    setting: Setting
    searched: Searching
    found: int


Event: TypeAlias = Began | Searching | Found | Ended


def read_budget(text: str) -> Budget:
    """The budget that `90s`, `10m`, `2h` or a number of scripts stands for. Raises `ParityError` for anything else."""
    match = re.fullmatch(r"([0-9]{1,9})([smh]?)", text)
    if match is None or int(match[1]) == 0:
        raise ParityError(f"{text!r} is no budget", hint="give a time such as 90s, 10m or 2h, or a number of scripts")
    number, unit = int(match[1]), match[2]
    return Budget(scripts=2**62, seconds=number * _UNITS[unit]) if unit else Budget(scripts=number)


def search(targets: Sequence[Target], settings: Iterable[Setting], plan: Plan) -> Iterator[Event]:
    """Search every implementation on every tokenizer.

    Raises `ParityError` if the finds of a worker process were to be exported: a test calls a factory.
    """
    for target in targets:
        if target.command and plan.export is not None:
            raise ParityError(
                f"finds of {target.name} can't be exported",
                cause="it is a command, and a test that stands alone calls a factory",
                hint="leave --export out, or search the implementation behind it",
            )
    for setting in settings:
        for target in targets:
            yield from _search(target, setting, plan)


def _search(target: Target, setting: Setting, plan: Plan) -> Iterator[Event]:
    judge = _judge(searchable(target), setting, plan.profile, in_process=plan.in_process)
    finds = Finds(plan.finds, target.name, setting.name, plan.profile) if plan.finds is not None else None
    resumed = Finds(plan.finds, target.name, setting.name, plan.profile, str(plan.seed)) if plan.finds else None
    kept = finds.fetch() if finds is not None else []
    first = resumed.position if plan.resume and resumed is not None else 0
    yield Began(target.name, setting, len(kept), first)
    searched, found = Searching(0, 0, 0.0), 0
    try:
        for event in hunt(
            judge, setting, seed=plan.seed, first=first, budget=plan.budget, kept=kept, enough=lambda _: False
        ):
            if isinstance(event, Searching):
                searched = event
                yield event
                continue
            if isinstance(event, Mended):
                if finds is not None:
                    finds.drop(event.script)
                continue
            found += 1
            if finds is not None and event.repeats:
                finds.save(event.script)
            yield Found(target.name, setting, event, _export(target, setting, plan, event))
    finally:
        judge.close()
    if resumed is not None:
        resumed.position = first + max(0, searched.scripts - len(kept))
    yield Ended(target.name, setting, searched, found)


def _judge(target: Target, setting: Setting, profile: str, *, in_process: bool) -> Judge:
    if target.command:
        return worker_judge_of(target, setting, profile)
    if in_process:
        return judge_of(load_factory(target.spec), setting, profile)
    return isolated_judge_of(target.spec, setting, profile)


def _export(target: Target, setting: Setting, plan: Plan, find: Find) -> pathlib.Path | None:
    if plan.export is None or not find.repeats:
        return None
    judge = _judge(target, setting, "laws", in_process=plan.in_process)
    try:
        broken = judge.judge(find.script)
    finally:
        judge.close()
    return write(Regression(target.spec, setting, plan.profile, find, broken), plan.export)
