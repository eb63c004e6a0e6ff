"""The streams of `minisgl_tokenizer`: without end, cut off, in many threads, and while the interpreter runs on."""

from __future__ import annotations

import itertools
import pathlib
import sys
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.bench.contestants import as_columns
from harness.bench.load import interleaved
from harness.model import DetokenizeRequest
from harness.tokenizer import load_vocabulary

pytest.importorskip("minisgl_tokenizer", reason="impls/rust is not built: `nox -s tests` builds it")
from minisgl_tokenizer import TokenizerWorker

EOS = 256
LEAD = 0xE4
SPACE = ord(" ")


@pytest.fixture
def worker(small_tokenizer: pathlib.Path) -> TokenizerWorker:
    return TokenizerWorker(small_tokenizer)


def feed(worker: TokenizerWorker, uid: int, tokens: Sequence[int], *, ends: bool = True) -> list[str]:
    """A stream's chunks, in one batch: as by one batch each."""
    finished = bytes(len(tokens) - 1) + bytes([ends])
    return worker.detokenize_columns(array("q", [uid] * len(tokens)), array("q", tokens), finished)


def test_columns_may_have_gaps(worker: TokenizerWorker) -> None:
    uids, tokens = memoryview(array("q", [1, 0, 2, 0])), memoryview(array("i", [97, 0, 98, 0]))
    assert worker.detokenize_columns(uids[::2], tokens[::2], memoryview(b"\1\0\1\0")[::2]) == ["a", "b"]


@pytest.mark.parametrize("count", [4000, 1_000_000])
def test_a_window_that_never_commits_costs_no_more_with_each_token(worker: TokenizerWorker, count: int) -> None:
    # With a cost that grows with the window, a million tokens would take hours.
    assert set(feed(worker, 1, [LEAD] * count, ends=False)) == {""}
    assert worker.open_streams() == 1
    assert feed(worker, 1, [ord("a")]) == ["\ufffd" * count + "a"]
    assert worker.open_streams() == 0


@pytest.mark.parametrize("count", [4000, 1_000_000])
def test_a_run_of_byte_tokens_that_never_commits_costs_no_more_with_each(
    tokenizer_dir: Callable[[str], pathlib.Path], count: int
) -> None:
    folder = tokenizer_dir("llama2")
    ids = {piece: token for token, piece in load_vocabulary(folder).pieces.items()}
    worker = TokenizerWorker(folder)
    assert set(feed(worker, 1, [ids["<0xE4>"]] * count, ends=False)) == {""}
    assert feed(worker, 1, [ids["a"]]) == ["\ufffd" * count + "a"]
    assert worker.open_streams() == 0


def test_a_stream_that_has_ended_or_was_given_up_leaves_nothing(worker: TokenizerWorker) -> None:
    for ending in ([LEAD], [ord("a")], [EOS], [LEAD, SPACE, LEAD]):
        feed(worker, 7, [ord("a"), LEAD, *ending])
        assert worker.open_streams() == 0
    feed(worker, 7, [LEAD, SPACE, LEAD], ends=False)
    assert worker.open_streams() == 1
    worker.abort(7)
    assert worker.open_streams() == 0
    assert feed(worker, 7, [ord("b")]) == ["b"]


def test_threads_with_their_own_uids_are_answered_as_one_thread_is(small_tokenizer: pathlib.Path) -> None:
    texts = ["中文 a", "é ab", "👨‍👩‍👧 x", "\ufffd \ufffd", "ab" * 40]
    streams = [[*text.encode(), *([LEAD] if at % 2 else [])] for at, text in enumerate(texts * 20)]
    shared = TokenizerWorker(small_tokenizer)
    start = threading.Barrier(8)

    def answers(worker: TokenizerWorker, thread: int) -> list[list[str]]:
        batches = interleaved(streams[thread:], 12, 400)
        own = ([DetokenizeRequest(thread << 32 | r.uid, r.next_token, r.finished) for r in b] for b in batches)
        return [
            worker.detokenize(batch) if at % 2 else worker.detokenize_columns(*as_columns(batch))
            for at, batch in enumerate(own)
        ]

    def together(thread: int) -> list[list[str]]:
        start.wait()
        return answers(shared, thread)

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(together, range(8)))
    assert answered == [answers(TokenizerWorker(small_tokenizer), thread) for thread in range(8)]
    assert shared.open_streams() == 0


@pytest.fixture
def no_switching() -> Iterator[None]:
    """A thread keeps the interpreter's lock until it lets go of it by itself."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("no_switching")
@pytest.mark.parametrize("way", ["detokenize", "detokenize_columns"])
def test_another_thread_runs_while_the_module_works(worker: TokenizerWorker, way: str) -> None:
    waiting, ran = threading.Lock(), threading.Event()
    waiting.acquire()

    def other() -> None:
        with waiting:
            ran.set()

    tokens = 100_000
    requests = [DetokenizeRequest(1, LEAD, at + 1 == tokens) for at in range(tokens)]
    columns = as_columns(requests)
    calls: dict[str, Callable[[], object]] = {
        "detokenize": lambda: worker.detokenize(requests),
        "detokenize_columns": lambda: worker.detokenize_columns(*columns),
    }
    thread = threading.Thread(target=other)
    thread.start()
    waiting.release()
    # It has the lock it waits for, and wants the interpreter's: it gets that from one of the calls, or not at all.
    for _ in itertools.takewhile(lambda _: not ran.is_set(), range(300)):
        calls[way]()
    done = ran.is_set()
    thread.join()
    assert done
