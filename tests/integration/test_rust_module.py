"""The Python module of the Rust tokenizer: what it takes, what it refuses, its threads and its stub."""

from __future__ import annotations

import importlib.resources
import importlib.util
import os
import pathlib
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from harness.model import DetokenizeRequest, TokenizeRequest
from harness.wire import (
    AbortBackendMsg,
    AbortMsg,
    BatchFrontendMsg,
    DetokenizeMsg,
    UserReply,
    decode_backend,
    decode_frontend,
    encode_requests,
)
from impls.python import factory as python_factory

if TYPE_CHECKING:
    from minisgl_tokenizer import FrameWorker, TokenizerWorker
elif importlib.util.find_spec("minisgl_tokenizer") is None:
    pytest.skip("minisgl_tokenizer is not built", allow_module_level=True)
else:
    from minisgl_tokenizer import FrameWorker, TokenizerWorker

STUBS = pathlib.Path(__file__).parents[2] / "impls" / "rust" / "python"
HALF = 0xE4
"""The first byte of a character."""


@pytest.fixture
def worker(small_tokenizer: pathlib.Path) -> TokenizerWorker:
    return TokenizerWorker(small_tokenizer)


def tokens(*rows: tuple[Any, Any, Any]) -> list[DetokenizeRequest]:
    return [DetokenizeRequest(*row) for row in rows]


def test_objects_and_columns_say_the_same(worker: TokenizerWorker) -> None:
    rows = [(uid % 3, 97 + uid, uid % 4 == 3) for uid in range(20)] + [(2**63 - 1, HALF, False)]
    chunks = worker.detokenize(tokens(*rows))
    assert chunks[:3] == ["a", "b", "c"]
    for uid in range(3):
        worker.abort(uid)
    worker.abort(2**63 - 1)
    uids, ids, finished = zip(*rows, strict=True)
    for uid_type in "qQ":
        for id_type in "iIqQ":
            for flags in (bytes(finished), array("b", finished), memoryview(bytes(finished)).cast("?")):
                assert worker.detokenize_columns(array(uid_type, uids), array(id_type, ids), flags) == chunks
                for uid in (0, 1, 2, 2**63 - 1):
                    worker.abort(uid)
    assert worker.open_streams() == 0


def test_ids_come_as_int32(worker: TokenizerWorker) -> None:
    [ids, none] = worker.tokenize([TokenizeRequest(1, "aé"), TokenizeRequest(2, "")])
    assert (ids.format, ids.itemsize, ids.tolist(), none.tolist()) == ("i", 4, [97, 0xC3, 0xA9], [])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((-1, 97, False), "-1 is not a uid"),
        ((2**64, 97, False), "is not a uid"),
        (("a", 97, False), "'a' is not a uid"),
        ((5, -1, False), "uid 5: -1 is not a token id"),
        ((5, 2**32, False), "uid 5: 4294967296 is not a token id"),
        ((5, None, False), "uid 5: None is not a token id"),
        ((5, 1.5, False), "uid 5: 1.5 is not a token id"),
    ],
)
def test_a_request_that_is_none_changes_nothing(worker: TokenizerWorker, row: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        worker.detokenize([*tokens((1, HALF, False)), DetokenizeRequest(*row)])
    assert worker.open_streams() == 0
    assert worker.detokenize(tokens((1, 97, True))) == ["a"]


@pytest.mark.parametrize(
    ("uids", "ids", "finished", "error", "says"),
    [
        (array("q", [1, -1]), array("q", [1, 1]), b"\0\0", ValueError, "-1 is not a uid"),
        (array("q", [1, 2]), array("q", [1, -1]), b"\0\0", ValueError, "-1 is not a token id"),
        (array("q", [1, 2]), array("q", [1, 2**32]), b"\0\0", ValueError, "4294967296 is not a token id"),
        (array("q", [1, 2]), array("i", [1, -1]), b"\0\0", ValueError, "-1 is not a token id"),
        (array("q", [1, 2]), array("q", [1]), b"\0\0", ValueError, "2, 1 and 2"),
        (array("q", [1, 2]), array("q", [1, 1]), b"\0", ValueError, "2, 2 and 1"),
        (array("d", [1, 2]), array("q", [1, 1]), b"\0\0", TypeError, "the column uids"),
        (array("q", [1, 2]), array("h", [1, 1]), b"\0\0", TypeError, "the column tokens"),
        (array("q", [1, 2]), array("q", [1, 1]), array("i", [0, 0]), TypeError, "the column finished"),
        ([1, 2], array("q", [1, 1]), b"\0\0", TypeError, "bytes-like|buffer"),
    ],
)
def test_columns_that_are_none_change_nothing(
    worker: TokenizerWorker, uids: Any, ids: Any, finished: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        worker.detokenize_columns(uids, ids, finished)
    assert worker.open_streams() == 0


class Turn(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        return {"role": "user", "content": "a"}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("role", "content"))

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("\ud800", ValueError),
        ([{"role": "user", "content": "\ud800"}], ValueError),
        ([{"role": "user", "content": "a"}], ValueError),
        ([Turn()], ValueError),
        (7, TypeError),
        (None, TypeError),
        ([7], TypeError),
        ([{"role": 7}], TypeError),
    ],
    ids=ascii,
)
def test_a_prompt_that_has_no_ids_is_named(worker: TokenizerWorker, prompt: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="uid 5"):
        worker.tokenize([TokenizeRequest(1, "a"), TokenizeRequest(5, prompt)])


def test_what_is_no_uid_is_not_aborted(worker: TokenizerWorker) -> None:
    for bad in (-1, 2**64, "a", None):
        with pytest.raises(ValueError, match="is not a uid"):
            worker.abort(bad)  # type: ignore[arg-type]


def test_a_folder_that_is_none(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json can't be read"):
        TokenizerWorker(tmp_path)


def test_many_threads_with_streams_of_their_own(worker: TokenizerWorker, small_tokenizer: pathlib.Path) -> None:
    text = "中é a🙂b " * 40
    model = python_factory(small_tokenizer)
    expected = model.detokenize([DetokenizeRequest(0, byte, False) for byte in text.encode()])

    def stream(uid: int) -> list[str]:
        return [chunk for byte in text.encode() for chunk in worker.detokenize(tokens((uid, byte, False)))]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(stream, range(24))) == [expected] * 24


def test_other_threads_run_while_it_works(worker: TokenizerWorker) -> None:
    # No thread is made to give way: another one runs only if the work lets it.
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        order: list[str] = []
        begun = threading.Event()
        request = TokenizeRequest(1, "long " * 200_000)

        def work() -> None:
            begun.set()
            worker.tokenize([request])
            order.append("after")

        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        order.append("during")
        thread.join()
    finally:
        sys.setswitchinterval(before)
    assert order == ["during", "after"]


def test_the_stub_is_that_of_the_module(tmp_path: pathlib.Path) -> None:
    # What the module is made of has no stub of its own.
    allowed = tmp_path / "allowed"
    allowed.write_text("minisgl_tokenizer.minisgl_tokenizer\n")
    run = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "minisgl_tokenizer", "--allowlist", str(allowed)],
        env={**os.environ, "MYPYPATH": str(STUBS)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_installed_module_is_typed() -> None:
    package = importlib.resources.files("minisgl_tokenizer")
    assert (package / "py.typed").is_file()
    assert (package / "__init__.pyi").read_text() == (STUBS / "minisgl_tokenizer.pyi").read_text()


@pytest.fixture
def frames(small_tokenizer: pathlib.Path) -> FrameWorker:
    return FrameWorker(small_tokenizer, local_bs=3, max_frame_bytes=1000, max_prompt_characters=1000)


def test_frames_are_answered_together_up_to_enough_messages(frames: FrameWorker) -> None:
    left = [encode_requests([DetokenizeMsg(uid, 97, False)]) for uid in range(5)] + [encode_requests([AbortMsg(9)])]
    left.insert(1, b"\x07")
    frontend, backend, problems = frames.answer(lambda: left.pop(0))
    assert [len(left), len(backend)] == [4, 0]
    replies = [UserReply(0, "a", False), UserReply(1, "a", False)]
    assert [decode_frontend(frame) for frame in frontend] == [BatchFrontendMsg(replies)]
    ((code, why, uid),) = problems
    assert (code, uid) == ("bad-frame", None)
    assert why
    given = iter([*left, None, b"\x07"])
    frontend, backend, problems = frames.answer(lambda: next(given))
    assert [decode_frontend(frame) for frame in frontend] == [
        BatchFrontendMsg([UserReply(uid, "a", False) for uid in (2, 3, 4)])
    ]
    assert (backend, problems) == ([], [])
    frontend, backend, problems = frames.answer(iter([left[-1], None]).__next__)
    assert (frontend, problems) == ([], [])
    assert [decode_backend(frame) for frame in backend] == [AbortBackendMsg(9)]


def test_without_a_frame_there_is_no_answer(frames: FrameWorker) -> None:
    assert frames.answer(lambda: None) == ([], [], [])


def test_what_is_no_frame_is_refused_and_what_stops_the_taking_is_passed_on(frames: FrameWorker) -> None:
    for given in ("text", 7, [7]):
        with pytest.raises(TypeError):
            frames.answer(lambda given=given: given)  # type: ignore[misc]

    def stop() -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frames.answer(stop)
    assert frames.answer(lambda: None) == ([], [], [])


def test_frames_of_many_threads_are_answered_each_with_its_own(frames: FrameWorker) -> None:
    def stream(uid: int) -> str:
        text = ""
        for token in (97, 98, 99) * 50:
            given = iter([encode_requests([DetokenizeMsg(uid, token, False)]), None])
            ((frame,), _, _) = frames.answer(lambda given=given: next(given))  # type: ignore[misc]
            reply = decode_frontend(frame)
            assert isinstance(reply, UserReply)
            assert reply.uid == uid
            text += reply.incremental_output
        return text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(stream, range(16))) == ["abc" * 50] * 16
