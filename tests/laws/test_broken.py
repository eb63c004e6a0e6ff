"""Each law is seen to be broken by what breaks it, and found to be by the search."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.fuzz import Budget, Find, Setting, hunt, judge_of
from tests.laws.broken import BROKEN, IsPoisoned, Right, factory_of


def _finds(kind: Callable[[Setting], Right], setting: Setting, scripts: int = 600) -> list[Find]:
    judge = judge_of(factory_of(kind, setting), setting, "laws")
    events = hunt(judge, setting, budget=Budget(scripts), enough=lambda _: False)
    return [event for event in events if isinstance(event, Find)]


@pytest.mark.parametrize("name", BROKEN)
def test_the_law_is_found_broken(name: str, setting: Callable[[str], Setting]) -> None:
    kind, law = BROKEN[name]
    finds = _finds(kind, setting("straddle"))
    assert law in {find.signature[0] for find in finds}
    assert all(find.repeats for find in finds)


def test_what_is_right_is_not_found_wrong(setting: Callable[[str], Setting]) -> None:
    assert _finds(Right, setting("straddle")) == []


def test_a_call_that_is_refused_must_not_be_half_done(setting: Callable[[str], Setting]) -> None:
    signatures = {find.signature[0] for find in _finds(IsPoisoned, setting("straddle"), 3000)}
    assert "independent" in signatures
