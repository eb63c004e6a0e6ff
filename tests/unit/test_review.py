from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
import time

import pytest

from harness import golden
from harness.errors import GoldenError
from harness.golden import Entry, Manifest, Provenance
from harness.model import Event, Program
from harness.review import Pending, every_group
from harness.upgrade.groups import Change, Difference, Group, Grouping

LOOP = """
import pathlib, sys
from harness.review import Pending
from tests.unit.test_review import answer, groups_of, make
goldens = pathlib.Path(sys.argv[1])
pending = Pending(goldens)
print("ready", flush=True)
at = 0
while True:
    at += 1
    other = "b" if answer(goldens) == "a" else "a"
    pending.propose(make(goldens / "pending" / f".new-{at}" / "tiny", other), (), groups_of("tiny", 2))
    pending.accept([groups_of("tiny", 2)[0].id])
    pending.accept([])
"""


def make(folder: pathlib.Path, chunk: str, tokenizers: str = "1") -> pathlib.Path:
    """Goldens of one stream whose answer is `chunk`, for the tokenizer that the folder is named after."""
    folder.mkdir(parents=True)
    path = folder / "c.detokenize.parquet"
    program = Program("c/one", [1], [2], [Event.FINISH], [1])
    content, cases, messages = golden.write_detokenize(path, [(program, [chunk])])
    entry = Entry("c", "0", "detokenize", path.name, golden.file_sha256(path), content, cases, messages, False)
    provenance = Provenance("0", "1", tokenizers, "2", "3")
    golden.write_manifest(folder, Manifest(golden.SCHEMA, folder.name, provenance, (entry,)))
    return folder


def groups_of(tokenizer: str, count: int) -> list[Group]:
    grouping = Grouping()
    for at in range(count):
        grouping.add(tokenizer, [Difference(Change.TEXT, f"cause {at}", f"wide {at}", "c/one", 1, "a", "b")])
    return grouping.groups()


def answer(goldens: pathlib.Path, name: str = "tiny") -> str:
    """What the accepted goldens answer, if they are whole."""
    manifest = golden.read_manifest(goldens / name)
    (entry,) = manifest.goldens
    (case,) = golden.read_detokenize(golden.verify(goldens / name, entry))
    (chunk,) = case.expected.values()
    return str(chunk)


@pytest.fixture
def goldens(tmp_path: pathlib.Path) -> pathlib.Path:
    """Goldens that answer "a", and pending ones that answer "b", with two groups."""
    folder = tmp_path / "goldens"
    make(folder / "tiny", "a")
    made = make(folder / "pending" / ".new" / "tiny", "b", tokenizers="9")
    Pending(folder).propose(made, ("x was 1 and is 2",), groups_of("tiny", 2))
    return folder


def test_accepting_all_swaps_them_in(goldens: pathlib.Path) -> None:
    pending = Pending(goldens)
    (review,) = pending.reviews()
    assert (review.before, review.after) == (Provenance("0", "1", "1", "2", "3"), Provenance("0", "1", "9", "2", "3"))
    ((accepted, is_last),) = pending.accept([])
    assert is_last
    assert accepted.open == []
    assert answer(goldens) == "b"
    assert golden.read_manifest(goldens / "tiny").provenance.tokenizers == "9"
    assert pending.reviews() == []
    assert not (goldens / "pending" / "tiny").exists()
    assert pending.accept([]) == []


def test_they_are_swapped_in_with_the_last_group_and_not_before(goldens: pathlib.Path) -> None:
    pending = Pending(goldens)
    first, second = (group.id for group in pending.reviews()[0].groups)
    assert pending.problems(["tiny"]) == {}
    assert [is_last for _, is_last in pending.accept([first])] == [False]
    assert answer(goldens) == "a"
    assert golden.read_manifest(goldens / "tiny").provenance.tokenizers == "1"
    assert "half-accepted golden: 1 of 2" in pending.problems(["tiny"])["tiny"]
    assert [group.id for group in pending.reviews()[0].open] == [second]
    assert pending.accept([first]) == []
    assert [is_last for _, is_last in pending.accept([second])] == [True]
    assert answer(goldens) == "b"
    assert pending.problems(["tiny"]) == {}


def test_rejecting_leaves_what_was_accepted(goldens: pathlib.Path) -> None:
    pending = Pending(goldens)
    pending.accept([pending.reviews()[0].groups[0].id])
    assert pending.reject(["other"]) == []
    assert pending.reject() == ["tiny"]
    assert answer(goldens) == "a"
    assert list((goldens / "pending").iterdir()) == []
    assert pending.problems(["tiny"]) == {}


def test_an_unknown_group_is_refused_and_nothing_is_accepted(goldens: pathlib.Path) -> None:
    pending = Pending(goldens)
    with pytest.raises(GoldenError, match="no group 'text-000000'"):
        pending.accept([pending.reviews()[0].groups[0].id, "text-000000"])
    assert pending.reviews()[0].taken == ()


def test_what_was_changed_since_it_was_compared_is_not_accepted(goldens: pathlib.Path) -> None:
    pending = Pending(goldens)
    file = goldens / "pending" / "tiny" / "c.detokenize.parquet"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(GoldenError, match="damaged"):
        pending.accept([])
    assert (answer(goldens), pending.reviews()[0].taken) == ("a", ())
    file.write_bytes(data)
    (goldens / "tiny").rename(goldens.parent / "moved")
    make(goldens / "tiny", "c")
    with pytest.raises(GoldenError, match="the accepted goldens of tiny are not those that were compared"):
        pending.accept([])
    assert answer(goldens) == "c"


def test_a_tokenizer_that_had_no_goldens(goldens: pathlib.Path) -> None:
    pending = Pending(goldens)
    made = make(goldens / "pending" / ".new" / "other", "o")
    assert pending.propose(made, (), groups_of("tiny", 2)).groups == ()
    assert [(review.tokenizer, is_last) for review, is_last in pending.accept([], ["other"])] == [("other", True)]
    assert (answer(goldens, "other"), answer(goldens)) == ("o", "a")


def test_goldens_of_no_tokenizer_are_a_problem(goldens: pathlib.Path) -> None:
    problems = Pending(goldens).problems(["other"])
    assert list(problems) == ["tiny"]
    assert problems["tiny"].startswith("unreferenced golden")


def test_an_accept_that_was_killed_after_the_swap_is_finished(
    goldens: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = Pending(goldens)
    with monkeypatch.context() as patch:
        patch.setattr(Pending, "discard", lambda self, name: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pending.accept([])
    assert answer(goldens) == "b"
    assert pending.problems(["tiny"]) == {}
    assert not (goldens / "pending" / "tiny").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"tokenizer": "../tiny"}', b"\xff"])
def test_a_damaged_review_is_said(goldens: pathlib.Path, content: bytes) -> None:
    (goldens / "pending" / "tiny.review.json").write_bytes(content)
    with pytest.raises(GoldenError, match="can't be read"):
        Pending(goldens).reviews()
    Pending(goldens).reject()
    assert Pending(goldens).reviews() == []


def test_a_review_of_another_name_is_refused(goldens: pathlib.Path) -> None:
    review = goldens / "pending" / "tiny.review.json"
    review.rename(review.with_name("other.review.json"))
    with pytest.raises(GoldenError, match="is the review of tiny"):
        Pending(goldens).accept([])


def test_groups_of_several_tokenizers_are_shown_as_one(goldens: pathlib.Path) -> None:
    grouping = Grouping()
    for name in ("tiny", "tiny", "other"):
        grouping.add(name, [Difference(Change.TEXT, "cause", "wide", "c/one", 1, "a", "b")])
    pending = Pending(goldens)
    reviews = [
        pending.propose(make(goldens / "pending" / ".new" / name, "b"), (), grouping.groups())
        for name in ("tiny", "other")
    ]
    assert [[group.count for group in review.groups] for review in reviews] == [[2], [1]]
    assert every_group(pending.reviews()) == grouping.groups()


def test_a_kill_at_any_moment_leaves_the_goldens_whole(tmp_path: pathlib.Path, project_root: pathlib.Path) -> None:
    goldens = tmp_path / "goldens"
    make(goldens / "tiny", "a")
    for attempt in range(6):
        command = [sys.executable, "-c", LOOP, str(goldens)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=project_root) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(0.003 * (attempt + 1) ** 2)
            child.kill()
            assert child.wait() == -signal.SIGKILL
        assert answer(goldens) in ("a", "b")
        Pending(goldens).reject()
        assert Pending(goldens).problems(["tiny"]) == {}
