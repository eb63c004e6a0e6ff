"""How fast the search is against an implementation in this process, shrinking excluded."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from harness.assets import chosen, read_pins, resolve
from harness.bench.figures import Cell, Column, Report
from harness.fuzz import PROFILES, Budget, Searching, Setting, hunt, judge_of, read_setting, script_number
from harness.packages import Announce
from harness.project import Project
from harness.protocol import Factory
from harness.targets import find_target, load_factory

_SCRIPTS = 1500
_ROUNDS = 3
_ALL = frozenset({"abort", "detokenize", "tokenize"})
_TITLE = "messages a second that impls/python is asked and judged by"
_NOTES = (
    f"The median of {_ROUNDS} searches of {_SCRIPTS} scripts.",
    "By the laws each stream is asked a second time, alone: those messages count as well.",
)


def run(project: Project, announce: Announce) -> Report:
    """The rate of drawing, and that of searching by each profile, for every pinned tokenizer."""
    factory = load_factory(find_target("python", project.impls).spec)
    rows: list[tuple[Cell, ...]] = []
    for name in chosen((), read_pins(project.corpora)):
        announce(f"searching on {name}")
        setting = read_setting(name, resolve(name, project.corpora), project.corpora)
        rates = (statistics.median(_rates(factory, setting, profile)) for profile in PROFILES)
        rows.append((name, _drawn(setting), *rates))
    columns = (Column("tokenizer"), Column("drawn", ",.0f"), *(Column(profile, ",.0f") for profile in PROFILES))
    return Report(_TITLE, columns, tuple(rows), _NOTES)


def _rates(factory: Factory, setting: Setting, profile: str) -> Iterator[float]:
    judge = judge_of(factory, setting, profile)
    try:
        for seed in range(_ROUNDS):
            *_, last = hunt(judge, setting, seed=seed, budget=Budget(_SCRIPTS), enough=lambda _: False)
            assert isinstance(last, Searching)
            yield last.messages / last.seconds
    finally:
        judge.close()


def _drawn(setting: Setting) -> float:
    start = time.perf_counter()
    messages = sum(script_number(0, number, setting.material, _ALL).messages for number in range(_SCRIPTS))
    return messages / (time.perf_counter() - start)
