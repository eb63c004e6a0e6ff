from __future__ import annotations

import pathlib
from dataclasses import replace

import pytest

from harness.coverage import record
from harness.coverage.dimension import Dimension, Hole
from harness.coverage.measure import IDS, SCRIPTS, TRANSITIONS
from harness.errors import GoldenError

SHORT = Dimension(TRANSITIONS, ("a", "b"), ())
MANY = Dimension(IDS, tuple(str(token) for token in range(1500)), ())
WIDE = Dimension(SCRIPTS, tuple(f"S{at}" for at in range(150)), (Hole("X", {}),))
FOUND = {"one": [MANY, SHORT, WIDE]}


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / record.FILE
    record.write(file, FOUND)
    return file


def test_the_same_is_no_loss(path: pathlib.Path) -> None:
    assert record.losses(record.read(path), FOUND) == []
    assert record.shortfalls(FOUND) == []


@pytest.mark.parametrize("dimension", [SHORT, MANY])
@pytest.mark.parametrize("known", [True, False], ids=["as a hole", "without a trace"])
def test_one_less_is_a_loss(path: pathlib.Path, dimension: Dimension, known: bool) -> None:
    *kept, lost = dimension.covered
    less = replace(dimension, covered=tuple(kept), holes=(Hole(lost, {}),) if known else ())
    found = {"one": [less if each is dimension else each for each in FOUND["one"]]}
    (line,) = record.losses(record.read(path), found)
    assert line.startswith(f"one: {dimension.name}: no longer covered: ")
    assert bool(record.shortfalls(found)) is known


def test_more_is_no_loss(path: pathlib.Path) -> None:
    found = {
        "one": [MANY, replace(SHORT, covered=("a", "b", "c")), replace(WIDE, holes=(Hole("X", {}), Hole("Y", {})))]
    }
    assert record.losses(record.read(path), found) == []


def test_what_is_not_recorded_is_a_loss(path: pathlib.Path) -> None:
    assert record.losses(record.read(path), {"two": [SHORT]}) == ["two: nothing is recorded"]
    assert record.losses(record.read(path), {"one": [MANY, SHORT]}) == ["one: scripts is no longer measured"]


def test_too_few_scripts_are_short() -> None:
    few = replace(WIDE, covered=WIDE.covered[:-1])
    assert record.shortfalls({"one": [few]}) == ["one: 149 scripts are covered, fewer than 150"]


def test_recording_one_keeps_the_others(path: pathlib.Path) -> None:
    before = record.read(path)
    record.write(path, {"two": [SHORT]})
    after = record.read(path)
    assert after["one"] == before["one"]
    assert after.keys() == {"one", "two"}
    assert [item.name for item in path.parent.iterdir()] == [record.FILE]


def test_a_record_that_is_none_says_so(path: pathlib.Path) -> None:
    path.write_text("{")
    with pytest.raises(GoldenError, match="--record"):
        record.read(path)
