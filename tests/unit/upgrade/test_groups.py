from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.upgrade.groups import Change, Difference, Grouping, merged_groups
from harness.upgrade.hunks import Hunk, first_hunk, piece_hunks
from harness.upgrade.merges import Merges


def _difference(cause: str, wider: str = "wide", size: int = 5, change: Change = Change.TEXT) -> Difference:
    return Difference(change, cause, wider, f"place {size}", size, "a", "b")


def test_what_has_one_cause_is_one_group_with_the_smallest_example() -> None:
    grouping = Grouping()
    for size in (7, 3, 9):
        grouping.add("bert", [_difference("c", size=size), _difference("c", size=size + 1)])
    grouping.add("t5", [_difference("c", size=4)])
    (group,) = grouping.groups()
    assert (group.count, group.tokenizers, group.place) == (4, {"bert": 3, "t5": 1}, "place 3")


def test_many_alike_are_told_less_exactly() -> None:
    grouping = Grouping()
    for at in range(5):
        grouping.add("bert", [_difference(f"cause {at}")])
    assert len(grouping.groups()) == 5
    grouping.add("bert", [_difference("cause 5", size=1)])
    grouping.add("bert", [_difference("cause 5", size=1)])
    (group,) = grouping.groups()
    assert (group.cause, group.count, group.place) == ("wide: 6 kinds, most often cause 5", 7, "place 1")


def test_never_more_than_the_most() -> None:
    grouping = Grouping()
    for at, change in itertools.product(range(100), Change):
        grouping.add("bert", [_difference(f"cause {at}", wider=f"wide {at}", change=change)])
    groups = grouping.groups(most=50)
    assert len(groups) == 50
    assert sum(group.count for group in groups) == 100 * len(Change)
    assert "other causes" in groups[-1].cause


def test_ids_of_groups_are_those_of_class_and_cause() -> None:
    one, other = Grouping(), Grouping()
    one.add("bert", [_difference("c")])
    other.add("t5", [_difference("d")])
    other.add("t5", [_difference("c", size=1)])
    merged = merged_groups([*one.groups(), *other.groups()])
    assert {group.cause: group.count for group in merged} == {"c": 2, "d": 1}
    assert len({group.id for group in merged}) == 2


@pytest.mark.parametrize(
    ("one", "other", "hunk"),
    [
        ("abc", "axc", Hunk(1, 2, 1, 2)),
        ("abc", "ac", Hunk(1, 2, 1, 1)),
        ("ac", "abc", Hunk(1, 1, 1, 2)),
        ("abc", "ab", Hunk(2, 3, 2, 2)),
        ("", "ab", Hunk(0, 0, 0, 2)),
        ("one two three four five", "one 2 three four 5", Hunk(4, 7, 4, 5)),
    ],
)
def test_the_first_place_where_texts_differ(one: str, other: str, hunk: Hunk) -> None:
    assert first_hunk(one, other) == hunk


@given(st.text("ab", max_size=30), st.text("ab", max_size=30))
def test_a_first_place_explains_what_is_before_it(one: str, other: str) -> None:
    if one == other:
        return
    hunk = first_hunk(one, other)
    assert one[: hunk.start] == other[: hunk.other_start]
    assert one[hunk.start : hunk.end] != other[hunk.other_start : hunk.other_end]
    assert one[hunk.end : hunk.end + 8] == other[hunk.other_end : hunk.other_end + 8]


def test_every_place_where_a_text_is_cut_otherwise() -> None:
    hunks = list(piece_hunks(["a", "bc", "d", "ef"], ["a", "b", "c", "d", "e", "f"]))
    assert hunks == [Hunk(1, 2, 1, 3), Hunk(3, 4, 4, 6)]
    assert list(piece_hunks(["<s>", "a", "b"], ["a", "b"])) == [Hunk(0, 1, 0, 0)]
    assert list(piece_hunks(["a", ""], ["a"])) == [Hunk(1, 2, 1, 1)]


@given(st.lists(st.text("xyz", max_size=3), max_size=20), st.randoms(use_true_random=False))
def test_places_put_the_other_way_to_cut_together(pieces: list[str], chance: object) -> None:
    text = "".join(pieces)
    other = [text[at : at + 2] for at in range(0, len(text), 2)]
    rebuilt, at = [], 0
    for hunk in piece_hunks(pieces, other):
        rebuilt += [*pieces[at : hunk.start], *other[hunk.other_start : hunk.other_end]]
        at = hunk.end
    assert rebuilt + pieces[at:] == other


def _bpe(*merges: object) -> dict[str, object]:
    return {"model": {"merges": list(merges)}}


@pytest.mark.parametrize(
    ("one", "other", "text", "cause"),
    [
        (["a b", "ab c"], ["a b"], "abc", "the merge 'ab' + 'c' is gone"),
        (["a b"], ["a b", "b c"], "xbc", "the merge 'b' + 'c' is new"),
        (["a b", "b c"], ["b c", "a b"], "abc", "the merge 'b' + 'c' comes before 'a' + 'b'"),
        (["a b"], [["a", "b"]], "ab", ""),
        (["a b"], ["c d"], "xyz", ""),
    ],
)
def test_the_merge_that_is_to_blame(one: list[object], other: list[object], text: str, cause: str) -> None:
    assert Merges(_bpe(*one), _bpe(*other)).cause(text) == cause
