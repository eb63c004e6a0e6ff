from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence

import pytest

from harness.errors import KnownError
from harness.known import Entry, Ledger, Problem, prune, read_known
from harness.model import Kind

DAY = datetime.date(2030, 5, 5)
LIST = """# What is known of it.

[[known]]
tokenizer = "bert"
pattern = "bidi/lockstep-*"
class = "lost"
issue = "12"  # the mend is on its way
owner = "someone"
expires = 2030-05-05

# Another.
[[known]]
tokenizer = "bert"
case = "cjk/ragged-64-ab"
class = "ids differ"
issue = "13"
owner = "someone"
expires = 2030-05-05
"""


def _entry(case: str = "", pattern: str = "", kind: Kind = Kind.LOST, expires: datetime.date = DAY) -> Entry:
    return Entry("bert", kind, "12", "someone", expires, case, pattern)


def _problems(
    entry: Entry, cases: Sequence[tuple[str, Kind | None]], judged: bool = True
) -> tuple[list[str], list[Problem]]:
    """What is excused, and what is wrong with the entry."""
    ledger = Ledger([entry], DAY)
    excused = [case for case, kind in cases if ledger.excuse(case, kind) and kind is not None]
    return excused, [finding.problem for finding in ledger.findings(lambda corpus: judged)]


def test_what_fails_as_listed_is_excused() -> None:
    assert _problems(_entry("a/1"), [("a/1", Kind.LOST), ("a/2", None)]) == (["a/1"], [])
    assert _problems(_entry(pattern="a/*"), [("a/1", Kind.LOST), ("a/2", Kind.LOST)]) == (["a/1", "a/2"], [])


def test_another_case_is_not_excused() -> None:
    assert _problems(_entry("a/1"), [("a/1", Kind.LOST), ("a/12", Kind.LOST)]) == (["a/1"], [])
    # A case is a name and not a pattern.
    assert _problems(_entry("a/*"), [("a/1", Kind.LOST)]) == ([], [Problem.UNSEEN])


def test_an_unexpected_pass() -> None:
    assert _problems(_entry("a/1"), [("a/1", None)]) == ([], [Problem.UNEXPECTED_PASS])
    assert _problems(_entry(pattern="a/*"), [("a/1", Kind.LOST), ("a/2", None)]) == (["a/1"], [Problem.UNEXPECTED_PASS])


def test_an_unseen_entry() -> None:
    assert _problems(_entry("a/1"), [("a/2", Kind.LOST)]) == ([], [Problem.UNSEEN])
    assert _problems(_entry("a/1"), [("a/2", Kind.LOST)], judged=False) == ([], [])


def test_an_expired_entry_excuses_nothing() -> None:
    past = DAY - datetime.timedelta(days=1)
    assert _problems(_entry("a/1", expires=DAY), [("a/1", Kind.LOST)]) == (["a/1"], [])
    assert _problems(_entry("a/1", expires=past), [("a/1", Kind.LOST)]) == ([], [Problem.EXPIRED])
    assert _problems(_entry("a/1", expires=past), [("a/1", None)]) == ([], [Problem.UNEXPECTED_PASS])


def test_the_right_case_of_the_wrong_class() -> None:
    assert _problems(_entry("a/1"), [("a/1", Kind.LATE)]) == ([], [Problem.WRONG_CLASS])
    cases = [("a/1", Kind.LATE), ("a/2", Kind.LOST)]
    assert _problems(_entry(pattern="a/*"), cases) == (["a/2"], [Problem.WRONG_CLASS])


def test_a_list_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "known.toml"
    assert read_known(path, ["one"]) == ()
    path.write_text(LIST)
    first, second = read_known(path, ["one"])
    assert (first.pattern, first.kind, first.expires) == ("bidi/lockstep-*", Kind.LOST, DAY)
    assert (second.case, second.kind, second.target) == ("cjk/ragged-64-ab", Kind.IDS_DIFFER, "")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('class = "lost"', 'class = "gone"', "Invalid enum value"),
        ('class = "lost"\n', "", "missing required field `class`"),
        ("expires = 2030-05-05\n\n", "\n", "missing required field `expires`"),
        ("expires = 2030-05-05\n\n", 'expires = "soon"\n\n', "expires"),
        ('owner = "someone"', 'owner = " "', "has no owner"),
        ('issue = "13"', 'issue = ""', "has no issue"),
        ('owner = "someone"', 'owner = "someone"\nreason = "r"', "unknown field `reason`"),
        ('owner = "someone"', 'owner = "someone"\ncase = "a/1"', "a case or a pattern"),
        ('case = "cjk/ragged-64-ab"\n', "", "a case or a pattern"),
        ('owner = "someone"', 'owner = "someone"\ntarget = "two"', "is for 'two', the file for one"),
        ('case = "cjk/ragged-64-ab"', 'pattern = "bidi/lockstep-*"', "there twice"),
        ("[[known]]", "[[known]", "can't be used"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: pathlib.Path, old: str, new: str, why: str) -> None:
    path = tmp_path / "known.toml"
    assert old in LIST
    path.write_text(LIST.replace(old, new, 1))
    with pytest.raises(KnownError) as caught:
        read_known(path, ["one"])
    assert why in str(caught.value)


def test_pruning_takes_out_what_is_named_and_leaves_the_rest(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(LIST)
    first, second = read_known(path, ["one"])
    assert prune(path, [first, second], {second: ()}) == 1
    assert read_known(path, ["one"]) == (first,)
    assert path.read_text().startswith(LIST[: LIST.index("# Another")].rstrip())
    assert prune(path, [first], {first: ()}) == 1
    assert read_known(path, ["one"]) == ()


def test_pruning_narrows_a_pattern(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(LIST)
    first, second = read_known(path, ["one"])
    prune(path, [first, second], {first: ("bidi/lockstep-2", "bidi/lockstep-9")})
    *narrow, last = read_known(path, ["one"])
    assert [(entry.case, entry.pattern) for entry in narrow] == [("bidi/lockstep-2", ""), ("bidi/lockstep-9", "")]
    assert all((entry.kind, entry.issue, entry.expires) == (first.kind, first.issue, DAY) for entry in narrow)
    assert last == second
    assert sorted(item.name for item in tmp_path.iterdir()) == ["known.toml"]
