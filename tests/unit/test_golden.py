from __future__ import annotations

import pathlib

import pyarrow.parquet as pq
import pytest

from harness import golden
from harness.errors import GoldenError
from harness.golden import Entry, Manifest, Provenance
from harness.model import Event, Program, Prompts, TokenizeRequest

PROGRAM = Program(
    id="c/one",
    uids=[0, 2**63 - 1, 0, 0, 2**63 - 1],
    tokens=[1, 2**32 - 1, 3, 0, 5],
    events=[Event.FEED, Event.FEED, Event.FEED, Event.ABORT, Event.FINISH],
    batches=[2, 1, 1, 1],
)
CHUNKS: list[str | None] = ["a\0", "𠮷", "", None, "\ufffd\r\n"]
PROMPTS = Prompts(
    "c/two",
    (
        (TokenizeRequest(1, "text"), TokenizeRequest(2, [{"role": "user", "content": "hé\0"}])),
        (TokenizeRequest(3, ""),),
    ),
)
IDS = [[1, 2], [], [3]]


def _write(folder: pathlib.Path) -> Manifest:
    path = folder / "c.detokenize.parquet"
    content, cases, messages = golden.write_detokenize(path, [(PROGRAM, CHUNKS)])
    entry = Entry("c", "0", "detokenize", path.name, golden.file_sha256(path), content, cases, messages, True)
    golden.write_manifest(folder, Manifest(golden.SCHEMA, "t", Provenance("0", "1", "2", "3", "4"), (entry,)))
    return golden.read_manifest(folder)


def test_programs_come_back(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "g.parquet"
    other = Program("c/other", [4], [4], [Event.FINISH], [1])
    golden.write_detokenize(path, [(PROGRAM, CHUNKS), (other, ["x"])])
    first, second = golden.read_detokenize(path)
    assert first.program == PROGRAM
    assert first.expected.values() == ["a\0", "𠮷", "", "\ufffd\r\n"]
    assert second.program == other


def test_prompts_come_back(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "g.parquet"
    golden.write_tokenize(path, [(PROMPTS, IDS)])
    (case,) = golden.read_tokenize(path)
    assert case.prompts == PROMPTS
    assert case.expected.matches(IDS)
    assert not case.expected.matches([[1, 2], [], [4]])


@pytest.mark.parametrize(
    "got",
    [
        ["a\0", "𠮷", "", "\ufffd\n"],
        ["a\0", "𠮷", ""],
        ["a\0", "𠮷", "", "\ufffd\r\n", ""],
        ["a\0", "𠮷", None, "\ufffd\r\n"],
        ["a\0", "𠮷", 0, "\ufffd\r\n"],
        ["a\0", "\ud800", "", "\ufffd\r\n"],
    ],
)
def test_other_answers_do_not_match(got: list[object], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "g.parquet"
    golden.write_detokenize(path, [(PROGRAM, CHUNKS)])
    (case,) = golden.read_detokenize(path)
    assert case.expected.matches(["a\0", "𠮷", "", "\ufffd\r\n"])
    assert not case.expected.matches(got)


def test_written_twice_is_the_same_bytes(tmp_path: pathlib.Path) -> None:
    written = [golden.write_detokenize(tmp_path / name, [(PROGRAM, CHUNKS)]) for name in ("a", "b")]
    assert written[0] == written[1]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_case_of_more_text_than_is_taken_is_not_written(tmp_path: pathlib.Path) -> None:
    program = Program("a", [1, 1], [0, 0], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="a has 16777217 characters of chunks"):
        golden.write_detokenize(tmp_path / "x", [(program, ["a" * 2**24, "b"])])


def test_a_case_is_in_one_row_group(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "g.parquet"
    size = 9_000
    programs = [
        Program(f"c/{at}", [at] * size, [1] * size, [Event.FEED] * (size - 1) + [Event.FINISH], [1] * size)
        for at in range(5)
    ]
    golden.write_detokenize(path, [(program, [""] * size) for program in programs])
    with pq.ParquetFile(path) as file:
        groups = [set(file.read_row_group(at)["case"].to_pylist()) for at in range(file.num_row_groups)]
    assert len(groups) == 5
    assert not set.intersection(*groups)
    assert [case.program.id for case in golden.read_detokenize(path)] == [program.id for program in programs]


def test_every_flipped_byte_of_a_manifest_is_noticed(tmp_path: pathlib.Path) -> None:
    _write(tmp_path)
    path = tmp_path / golden.MANIFEST
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(GoldenError):
            golden.read_manifest(tmp_path)


def test_every_flipped_byte_of_a_golden_is_noticed(tmp_path: pathlib.Path) -> None:
    (entry,) = _write(tmp_path).goldens
    path = tmp_path / entry.file
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(GoldenError, match="damaged"):
            golden.verify(tmp_path, entry)


def test_a_missing_and_an_unlisted_file_are_noticed(tmp_path: pathlib.Path) -> None:
    (entry,) = _write(tmp_path).goldens
    (tmp_path / "stray.parquet").write_bytes(b"")
    with pytest.raises(GoldenError, match=r"stray\.parquet is damaged"):
        golden.read_manifest(tmp_path)
    (tmp_path / "stray.parquet").unlink()
    (tmp_path / entry.file).unlink()
    with pytest.raises(GoldenError, match="is damaged"):
        golden.read_manifest(tmp_path)


def test_no_goldens_say_how_to_make_them(tmp_path: pathlib.Path) -> None:
    with pytest.raises(GoldenError) as raised:
        golden.read_manifest(tmp_path)
    assert "parity regen" in str(raised.value)


def test_long_prompts_make_small_row_groups(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "g.parquet"
    text = "x" * 2**20
    cases = [Prompts(f"c/{at}", ((TokenizeRequest(at, text),),)) for at in range(12)]
    golden.write_tokenize(path, [(case, [[1]]) for case in cases])
    with pq.ParquetFile(path) as file:
        sizes = [file.read_row_group(at).nbytes for at in range(file.num_row_groups)]
    assert golden.count_groups(path) == len(sizes) == 4
    assert max(sizes) < 2**22
    assert [case.prompts.id for case in golden.read_tokenize(path)] == [case.id for case in cases]
    assert [case.prompts.id for case in golden.read_tokenize(path, 2)] == ["c/6", "c/7", "c/8"]
