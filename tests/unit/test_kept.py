from __future__ import annotations

import pathlib

import pytest

from harness.kept import Finds
from harness.model import DetokenizeRequest, TokenizeRequest
from harness.script import Abort, Encode, Feed, Script, from_data, to_data

SMALL = Script((Feed((DetokenizeRequest(0, -1, True),)),))
BIG = Script(
    (
        Feed((DetokenizeRequest(2**63 - 1, 2**32 - 1, False), DetokenizeRequest(1, 5, True))),
        Abort(7),
        Encode((TokenizeRequest(1, "\ud7ff\u0000é"), TokenizeRequest(2, [{"role": "user", "content": ""}]))),
    )
)


def test_a_script_survives_being_stored() -> None:
    for script in (SMALL, BIG, Script(())):
        assert from_data(to_data(script)) == script


@pytest.mark.parametrize(
    "data",
    [None, 5, "feed", [["feed"]], [["feed", [[0, "x", True]]]], [["walk", []]], [["abort", "x"]], [["encode", [[1]]]]],
)
def test_what_is_no_script_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="script"):
        from_data(data)


def test_finds_are_kept_apart_and_come_back_smallest_first(tmp_path: pathlib.Path) -> None:
    finds = Finds(tmp_path, "mine", "bert", "laws")
    assert finds.fetch() == []
    finds.save(BIG)
    finds.save(SMALL)
    finds.save(SMALL)
    assert Finds(tmp_path, "mine", "bert", "laws").fetch() == [SMALL, BIG]
    assert Finds(tmp_path, "mine", "bert", "reference").fetch() == []
    finds.drop(BIG)
    assert finds.fetch() == [SMALL]


def test_what_cant_be_read_is_dropped(tmp_path: pathlib.Path) -> None:
    finds = Finds(tmp_path, "mine")
    finds.save(SMALL)
    stored = [path for path in tmp_path.rglob("*") if path.is_file() and b"feed" in path.read_bytes()]
    assert len(stored) == 1
    finds._database.save(finds._name, b"\xff not a script")
    finds._database.save(finds._name, b'[["walk", 3]]')
    assert finds.fetch() == [SMALL]
    assert len(list(finds._database.fetch(finds._name))) == 1


def test_the_position_is_kept(tmp_path: pathlib.Path) -> None:
    finds = Finds(tmp_path, "mine", "0")
    assert finds.position == 0
    finds.position = 300
    assert Finds(tmp_path, "mine", "0").position == 300
    assert Finds(tmp_path, "mine", "1").position == 0
    next(tmp_path.glob("*.position")).write_text("not a number", encoding="ascii")
    assert finds.position == 0
