from __future__ import annotations

import pytest

from harness.compare import compare_chunks, compare_ids, fault_divergence
from harness.convert import from_byte_tokens
from harness.errors import Fault
from harness.model import Event, Kind, Program, Prompts, TokenizeRequest
from harness.tokenizer import Vocabulary, load_vocabulary
from harness.visible import escaped, visible

FEED, FINISH = int(Event.FEED), int(Event.FINISH)
# Two streams, one letter a step: "abcd" and "wxyz".
PROGRAM = Program(
    "c/p",
    uids=[5, 9, 5, 9, 9, 5, 5, 9],
    tokens=[ord(char) for char in "awbxycdz"],
    events=[FEED] * 6 + [FINISH] * 2,
    batches=[2, 2, 2, 2],
)
RIGHT = ["a", "w", "b", "x", "y", "c", "d", "z"]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tokenizer.json").write_bytes(from_byte_tokens(b""))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|end|>"}')
    return load_vocabulary(folder)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.LOST, {2: ""}),
        (Kind.LATE, {2: "", 5: "bc"}),
        (Kind.EARLY, {2: "bc", 5: ""}),
        (Kind.DOUBLED, {5: "bc"}),
        (Kind.DOUBLED, {2: "bb"}),
        (Kind.REPLACED, {2: "?"}),
        (Kind.EARLY, {6: "d?"}),
        (Kind.EARLY, {0: "a\ufffd"}),
        (Kind.REORDERED, {2: "x", 3: "b"}),
    ],
)
def test_a_divergence_has_the_class_that_a_user_sees(
    kind: Kind, changes: dict[int, str], vocabulary: Vocabulary
) -> None:
    got = [changes.get(at, chunk) for at, chunk in enumerate(RIGHT)]
    divergence = compare_chunks(PROGRAM, RIGHT, got, vocabulary)
    assert divergence is not None
    first = min(changes)
    assert divergence.kind == kind
    assert (divergence.step, divergence.slot, divergence.uid) == (first // 2, first % 2, PROGRAM.uids[first])
    assert (divergence.expected, divergence.got) == (visible(RIGHT[first]), visible(got[first]))
    assert divergence.token is not None
    assert divergence.token.id == PROGRAM.tokens[first]


@pytest.mark.parametrize(
    ("kind", "chunk", "text"), [(Kind.EARLY, "", "a"), (Kind.REPLACED, "\u3000", " ")], ids=["its own", "white space"]
)
def test_text_that_another_stream_also_has_is_not_crossed(
    kind: Kind, chunk: str, text: str, vocabulary: Vocabulary
) -> None:
    program = Program("c/x", [1, 2, 1], [97, 97, 98], [FEED, FINISH, FINISH], [2, 1])
    divergence = compare_chunks(program, [chunk, text, "xy"], [text, text, "xy"], vocabulary)
    assert divergence is not None
    assert divergence.kind == kind


@pytest.mark.parametrize(
    ("kind", "got"), [(Kind.DOUBLED, ["aa", "aa", "bb"]), (Kind.EARLY, ["aa", "", "b!"])], ids=["again", "at once"]
)
def test_a_repeated_letter_is_doubled_if_it_comes_again(kind: Kind, got: list[str], vocabulary: Vocabulary) -> None:
    program = Program("c/x", [1, 1, 1], [97, 97, 98], [FEED, FEED, FINISH], [1, 1, 1])
    divergence = compare_chunks(program, ["a", "a", "b"], got, vocabulary)
    assert divergence is not None
    assert divergence.kind == kind


def test_a_repeated_letter_is_lost_if_no_more_come_than_are_due(vocabulary: Vocabulary) -> None:
    program = Program("c/x", [1, 1, 1], [97, 97, 98], [FEED, FEED, FINISH], [1, 1, 1])
    divergence = compare_chunks(program, ["a", "a", "b"], ["", "a", "b"], vocabulary)
    assert divergence is not None
    assert divergence.kind == Kind.LOST


def test_text_of_another_stream_is_crossed(vocabulary: Vocabulary) -> None:
    program = Program("c/x", [1, 2, 3], [97, 98, 99], [FINISH] * 3, [3])
    divergence = compare_chunks(program, ["one", "two", "three"], ["one", "three", "?"], vocabulary)
    assert divergence is not None
    assert divergence.kind == Kind.CROSSED
    assert "slot 2, uid 3" in divergence.note


def test_own_text_with_more_replacement_characters_is_not_crossed(vocabulary: Vocabulary) -> None:
    program = Program("c/x", [1, 2], [97, 97], [FINISH] * 2, [2])
    divergence = compare_chunks(program, ["\ufffda", "\ufffd\ufffda"], ["\ufffd\ufffda"] * 2, vocabulary)
    assert divergence is not None
    assert divergence.kind == Kind.REPLACED


def test_what_the_uid_had_before_is_crossed_also_if_it_was_held_back(vocabulary: Vocabulary) -> None:
    program = Program("c/x", [1, 1, 1], [ord("q"), 0xE4, ord("a")], [FEED, FINISH, FINISH], [1, 1, 1])
    divergence = compare_chunks(program, ["", "", "a"], ["", "", "q\ufffd\ufffda"], vocabulary)
    assert divergence is not None
    assert divergence.kind == Kind.CROSSED
    assert "the stream that uid 1 had before" in divergence.note


@pytest.mark.parametrize(
    ("kind", "got"), [(Kind.CROSSED, "old a"), (Kind.REPLACED, "zz"), (Kind.REPLACED, "<|end|>a")], ids=lambda it: it
)
def test_text_of_no_stream_before_the_first_chunk_is_from_an_earlier_case(
    kind: Kind, got: str, vocabulary: Vocabulary
) -> None:
    program = Program("c/x", [1, 1], [ord("a"), ord("b")], [FEED, FINISH], [1, 1])
    divergence = compare_chunks(program, ["a", "b"], [got, "b"], vocabulary)
    assert divergence is not None
    assert divergence.kind == kind
    assert ("a case before it" in divergence.note) is (kind == Kind.CROSSED)


@pytest.mark.parametrize(
    ("kind", "got"),
    [(Kind.LOST, ["ac", "d", "e"]), (Kind.EARLY, ["abc!", "d", "!e"]), (Kind.REPLACED, ["abc!", "d", "!"])],
    ids=["inside", "added", "in place of another"],
)
def test_what_is_only_left_out_is_lost_and_only_added_early(kind: Kind, got: list[str], vocabulary: Vocabulary) -> None:
    program = Program("c/x", [1, 1, 1], [ord("a")] * 3, [FEED, FEED, FINISH], [1, 1, 1])
    divergence = compare_chunks(program, ["abc", "d", "e"], got, vocabulary)
    assert divergence is not None
    assert divergence.kind == kind


def test_a_part_is_lost_if_only_the_end_of_what_was_due_follows(vocabulary: Vocabulary) -> None:
    program = Program("c/x", [1] * 4, [ord(char) for char in "abca"], [FEED] * 3 + [FINISH], [1] * 4)
    divergence = compare_chunks(program, ["a", "b", "c", "a"], ["", "", "", "a"], vocabulary)
    assert divergence is not None
    assert divergence.kind == Kind.LOST


def test_the_end_of_what_another_stream_of_the_batch_had_is_crossed(vocabulary: Vocabulary) -> None:
    got = [*RIGHT[:6], "xyz", ""]
    divergence = compare_chunks(PROGRAM, RIGHT, got, vocabulary)
    assert divergence is not None
    assert divergence.kind == Kind.CROSSED
    assert "slot 1, uid 9" in divergence.note


def test_the_tokens_before_are_those_of_the_stream(vocabulary: Vocabulary) -> None:
    divergence = compare_chunks(PROGRAM, RIGHT, [*RIGHT[:5], "?", *RIGHT[6:]], vocabulary)
    assert divergence is not None
    assert [view.piece for view in divergence.before] == ["a", "b"]
    assert divergence.token is not None
    assert (divergence.token.piece, divergence.token.bytes) == ("c", "63")


@pytest.mark.parametrize(
    ("got", "kind", "step"),
    [(["a", "w", "b", "wx"], Kind.DOUBLED, 1), (["a", "a"], Kind.CROSSED, 0), (["a", "w"], None, 0), ([], None, 0)],
)
def test_answers_to_the_first_batches_are_compared(
    got: list[str], kind: Kind | None, step: int, vocabulary: Vocabulary
) -> None:
    divergence = compare_chunks(PROGRAM, RIGHT, got, vocabulary)
    assert (divergence and (divergence.kind, divergence.step)) == (kind and (kind, step))


def test_equal_answers_do_not_diverge(vocabulary: Vocabulary) -> None:
    assert compare_chunks(PROGRAM, RIGHT, RIGHT, vocabulary) is None


@pytest.mark.parametrize(
    ("got", "kind", "slot", "note"),
    [
        ([[1, 2], [3]], None, 0, ""),
        ([[1], [3]], Kind.IDS_DIFFER, 0, "the end is cut off"),
        ([[2], [3]], Kind.IDS_DIFFER, 0, "the first id is missing"),
        ([[1, 2], [0, 3]], Kind.IDS_DIFFER, 1, "an id is added at the start"),
        ([[3], [1, 2]], Kind.REORDERED, 0, "slot 1"),
    ],
)
def test_ids(got: list[list[int]], kind: Kind | None, slot: int, note: str, vocabulary: Vocabulary) -> None:
    prompts = Prompts("c/t", ((TokenizeRequest(4, "p"), TokenizeRequest(5, [{"role": "user", "content": "q"}])),))
    divergence = compare_ids(prompts, [[1, 2], [3]], got, vocabulary)
    assert (divergence.kind if divergence else None) == kind
    if divergence is not None:
        assert divergence.slot == slot
        assert note in divergence.note


def test_a_fault_is_that_of_its_batch(vocabulary: Vocabulary) -> None:
    divergence = fault_divergence(PROGRAM, Fault(Kind.CRASH, 2, "killed by SIGSEGV"), vocabulary)
    assert (divergence.kind, divergence.step, divergence.uid) == (Kind.CRASH, 2, 9)
    assert divergence.got == "'killed by SIGSEGV'"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", "'a b'"),
        ("\u200d\x00\ufeff", "'\\u200d\\u0000\\ufeff'"),
        ("e\u0301", "'e\\u0301'"),
        ("\u3000\t\r\n", "'\\u3000\\t\\r\\n'"),
        ("\U000e0041", "'\\U000e0041'"),
        ("中\ufffd", "'中\ufffd'"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_long_text_is_shown_around_the_place() -> None:
    assert visible("a" * 500 + "b" + "c" * 500, most=6, around=500) == "…'aaabcc'…"


def test_an_escape_never_reaches_the_terminal() -> None:
    assert escaped("red\x1b[31m\nline") == "red\\u001b[31m\nline"
