from __future__ import annotations

import math
import os
import pathlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from harness.adapters.process import ChildProcess
from harness.adapters.socket import ARGUMENTS, SocketConnection
from harness.errors import Fault, TargetError
from harness.model import Event, Kind, Program, Prompts, TokenizeRequest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A worker in plain maps that answers a token with its character, and a prompt with its code points.
# What its first argument names happens at the token 33, the prompt "!" and the abort of uid 33.
WORKER = """
import os, resource, signal, sys, time
import msgspec, zmq

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
mode, told = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2]))
if mode == "no ready":
    sys.exit("no such tokenizer")
if mode == "silent":
    time.sleep(1000)
context = zmq.Context()
pull = context.socket(zmq.PULL)
pull.bind(told["--pull"])
ends = {end: context.socket(zmq.PUSH) for end in ("frontend", "backend")}
for end in ends:
    ends[end].connect(told["--" + end])
print("hello" if mode == "hello" else "ready", flush=True)

def reply(message):
    kind, uid = message["__type__"], message["uid"]
    if kind == "DetokenizeMsg":
        text = chr(message["next_token"])
        return {"__type__": "UserReply", "uid": uid, "incremental_output": text, "finished": message["finished"]}
    if kind == "AbortMsg":
        return {"__type__": "AbortBackendMsg", "uid": uid}
    text = message["text"] if isinstance(message["text"], str) else message["text"][-1]["content"]
    ids = b"".join(ord(char).to_bytes(4, "little") for char in text)
    tensor = {"__type__": "Tensor", "buffer": ids, "dtype": "torch.int32"}
    return {"__type__": "UserMsg", "uid": uid, "input_ids": tensor, "sampling_params": message["sampling_params"]}

def triggers(message):
    kind = message["__type__"]
    if kind == "DetokenizeMsg":
        return message["next_token"] == 33
    return message["text"] == "!" if kind == "TokenizeMsg" else message["uid"] == 33

while True:
    frame = msgspec.msgpack.decode(pull.recv())
    messages = frame["data"] if frame["__type__"] == "BatchTokenizerMsg" else [frame]
    replies = [reply(message) for message in messages]
    end = "frontend" if messages[0]["__type__"] == "DetokenizeMsg" else "backend"
    batch = "BatchFrontendMsg" if end == "frontend" else "BatchBackendMsg"
    answer, raw, times = None, None, 1
    if any(map(triggers, messages)):
        if mode == "segfault":
            print("about to fall over", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        if mode == "exit":
            os._exit(3)
        if mode == "hoard":
            bytearray(2**31)
        if mode == "hang":
            time.sleep(1000)
        if mode == "dawdle":
            time.sleep(0.4)
        if mode == "drop":
            print("that one not", file=sys.stderr, flush=True)
            continue
        if mode == "too few":
            replies.pop()
        if mode == "too many":
            replies.append(replies[-1])
        if mode == "other uid":
            replies[-1]["uid"] = 77
        if mode == "reorder":
            replies.reverse()
        if mode == "finished":
            replies[-1]["finished"] = not replies[-1]["finished"]
        if mode == "bytes":
            replies[-1]["incremental_output"] = b"a"
        if mode == "garbage":
            raw = b"\\xc1\\xff garbage"
        if mode == "other type":
            replies = [{"__type__": "AbortBackendMsg", "uid": messages[0]["uid"]} for _ in replies]
        if mode == "wrapped":
            answer = {"__type__": batch, "data": replies}
        if mode == "twice":
            times = 2
        if mode == "params":
            replies[-1]["sampling_params"]["top_p"] = 1.0
        if mode == "odd":
            replies[-1]["input_ids"]["buffer"] = b"abc"
        if mode == "int64":
            replies[-1]["input_ids"]["dtype"] = "torch.int64"
    if answer is None:
        answer = replies[0] if len(replies) == 1 else {"__type__": batch, "data": replies}
    for again in range(times):
        # Late enough that nobody waits for it any more.
        time.sleep(0.3 * again)
        ends[end].send(raw or msgspec.msgpack.encode(answer))
"""

GOOD = Program("good", [1, 2, 1, 9, 2], [97, 98, 99, 0, 100], [0, 0, 1, Event.ABORT, 1], [2, 1, 1, 1])
CHUNKS = ["a", "b", "c", "d"]
# The trigger (33) is in the third batch, between others: the guilty one has to be told from its neighbours.
BAD = Program("bad", [1, 2] * 6, [97, 98, 99, 100, 101, 33, *[97] * 6], [0] * 10 + [1, 1], [2] * 6)
BAD_SINGLE = Program("bad single", [1] * 4, [97, 98, 33, 99], [0, 0, 0, 1], [1] * 4)
BAD_STREAMS = Program("bad streams", list(range(8)), [97, 98, 33, *[97] * 5], [1] * 8, [1] * 8)
BAD_ABORT = Program("bad abort", [33, 33, 33], [97, 0, 98], [0, Event.ABORT, 1], [1] * 3)
ASKED = Prompts(
    "asked",
    [
        [TokenizeRequest(0, "aé"), TokenizeRequest(2**63 - 1, [{"role": "user", "content": "中"}])],
        [TokenizeRequest(3, "")],
    ],
)
IDS = [[97, 233], [0x4E2D], []]
BAD_ASKED = Prompts("bad asked", [[TokenizeRequest(uid, text)] for uid, text in enumerate("ab!c")])

Connect = Callable[..., SocketConnection]


@pytest.fixture
def connect(tmp_path: pathlib.Path) -> Iterator[Connect]:
    script = tmp_path / "worker.py"
    script.write_text(WORKER, encoding="utf-8")
    connections: list[SocketConnection] = []

    def start(
        mode: str,
        start_timeout: float = 60.0,
        batch_timeout: float = 60.0,
        frames: int = 64,
        memory_limit: int | None = None,
        case_timeout: float = math.inf,
    ) -> SocketConnection:
        connection = SocketConnection(
            (sys.executable, str(script), mode, *ARGUMENTS),
            tmp_path,
            start_timeout=start_timeout,
            batch_timeout=batch_timeout,
            case_timeout=case_timeout,
            window_frames=frames,
            memory_limit=memory_limit,
        )
        connections.append(connection)
        return connection

    yield start
    for connection in connections:
        connection.close()


def running(connection: SocketConnection) -> ChildProcess:
    assert connection._link is not None
    assert connection._link._process is not None
    return connection._link._process


def test_everything_is_answered_in_order(connect: Connect) -> None:
    connection = connect("good")
    assert connection.capabilities == {"tokenize", "detokenize", "abort"}
    assert connection.detokenize(GOOD) == CHUNKS
    assert connection.tokenize(ASKED) == IDS
    assert connection.detokenize(GOOD) == CHUNKS
    assert connection.detokenize(Program("none", [], [], [], [])) == []
    assert connection.tokenize(Prompts("none", [])) == []


@pytest.mark.parametrize("frames", [1, 2, 64])
def test_a_program_longer_than_the_window(connect: Connect, frames: int) -> None:
    sizes = [1, 64, 3, 0, 200] * 40
    rows = sum(sizes)
    tokens = [0x4E00 + row % 5000 for row in range(rows)]
    program = Program("long", list(range(rows)), tokens, [1] * rows, sizes)
    assert connect("good", frames=frames).detokenize(program) == list(map(chr, tokens))


@pytest.mark.parametrize(
    ("mode", "program", "kind", "batch", "says"),
    [
        ("segfault", BAD, Kind.CRASH, 2, "killed by SIGSEGV; the last it wrote to standard error:\nabout to fall over"),
        ("exit", BAD, Kind.CRASH, 2, "exited with 3"),
        ("too few", BAD, Kind.ERROR, 2, "a batch of 2 has an answer of 1"),
        ("too many", BAD, Kind.ERROR, 2, "a batch of 2 has an answer of 3"),
        ("too many", BAD_SINGLE, Kind.ERROR, 2, "a batch of 1 has an answer of 2"),
        ("other uid", BAD, Kind.ERROR, 2, "the answer in slot 1 is for uid 77, asked was uid 2"),
        ("reorder", BAD, Kind.ERROR, 2, "the answer in slot 0 is for uid 2, asked was uid 1"),
        ("finished", BAD, Kind.ERROR, 2, "`finished` is True in slot 1, uid 2, asked with False"),
        ("bytes", BAD, Kind.ERROR, 2, "Expected `str`, got `bytes`"),
        ("garbage", BAD, Kind.ERROR, 2, "invalid opcode"),
        ("other type", BAD, Kind.ERROR, 2, "Invalid value 'AbortBackendMsg'"),
        ("wrapped", BAD_SINGLE, Kind.ERROR, 2, "as a batch and not bare"),
        ("drop", BAD, Kind.ERROR, 2, "no answer, though what came after it has one"),
        ("drop", BAD_STREAMS, Kind.ERROR, 2, "no answer, though what came after it has one"),
        # All of one stream: the next answer could be the one that is missing.
        ("drop", BAD_SINGLE, Kind.ERROR, 2, "no answer, though what came after it has one"),
        ("drop", BAD_ABORT, Kind.ERROR, 1, "no answer, though what came after it has one"),
        ("twice", BAD, Kind.ERROR, 2, "an answer too many"),
        ("twice", BAD_STREAMS, Kind.ERROR, 2, "an answer too many"),
        ("twice", BAD_SINGLE, Kind.ERROR, 2, "an answer too many"),
        ("twice", BAD_ABORT, Kind.ERROR, 1, "an answer too many"),
        ("exit", BAD_ABORT, Kind.CRASH, 1, "exited with 3"),
        ("other uid", BAD_ABORT, Kind.ERROR, 1, "is for uid 77, asked was uid 33"),
        ("garbage", BAD_ABORT, Kind.ERROR, 1, "on the back end socket"),
    ],
    ids=lambda value: value.id if isinstance(value, Program) else None,
)
def test_a_fault_is_named_and_costs_only_its_case(
    connect: Connect, mode: str, program: Program, kind: Kind, batch: int, says: str
) -> None:
    connection = connect(mode)
    with pytest.raises(Fault) as caught:
        connection.detokenize(program)
    assert (caught.value.kind, caught.value.batch) == (kind, batch)
    assert says in caught.value.message
    assert connection.detokenize(GOOD) == CHUNKS
    assert connection.tokenize(ASKED) == IDS


@pytest.mark.parametrize(
    ("mode", "kind", "says"),
    [
        ("exit", Kind.CRASH, "exited with 3"),
        ("drop", Kind.ERROR, "no answer, though what came after it has one"),
        ("twice", Kind.ERROR, "an answer too many"),
        ("too many", Kind.ERROR, "a batch of 1 has an answer of 2"),
        ("other uid", Kind.ERROR, "is for uid 77, asked was uid 2"),
        ("other type", Kind.ERROR, "a AbortBackendMsg in slot 0 in place of a UserMsg"),
        ("params", Kind.ERROR, "sampling_params in slot 0 came back as"),
        ("odd", Kind.ERROR, "multiple"),
        ("int64", Kind.ERROR, "torch.int64"),
        ("garbage", Kind.ERROR, "on the back end socket"),
    ],
)
def test_a_fault_in_tokenize(connect: Connect, mode: str, kind: Kind, says: str) -> None:
    connection = connect(mode)
    with pytest.raises(Fault) as caught:
        connection.tokenize(BAD_ASKED)
    assert (caught.value.kind, caught.value.batch) == (kind, 2)
    assert says in caught.value.message
    assert connection.tokenize(ASKED) == IDS


def test_no_answer_is_a_hang(connect: Connect) -> None:
    program = Program("late", [1, 2, 3, 4], [97, 98, 99, 33], [1] * 4, [1] * 4)
    connection = connect("hang", batch_timeout=3.0)
    with pytest.raises(Fault) as caught:
        connection.detokenize(program)
    assert (caught.value.kind, caught.value.batch) == (Kind.HANG, 3)
    assert "no answer within 3 s" in caught.value.message
    assert connection.detokenize(GOOD) == CHUNKS


def test_a_case_has_its_time(connect: Connect) -> None:
    connection = connect("dawdle", case_timeout=1.0)
    with pytest.raises(Fault, match="the case is not done in 1 s") as caught:
        connection.detokenize(Program("slow", [1] * 20, [33] * 20, [0] * 19 + [1], [1] * 20))
    assert caught.value.kind is Kind.HANG
    assert 1 <= len(caught.value.answered) < 20
    assert set(caught.value.answered) == {"!"}
    assert connection.detokenize(GOOD) == CHUNKS


def test_memory_beyond_the_limit_is_a_crash(connect: Connect) -> None:
    assert len(connect("hoard").detokenize(BAD)) == 12
    connection = connect("hoard", memory_limit=1024)
    with pytest.raises(Fault) as caught:
        connection.detokenize(BAD)
    assert (caught.value.kind, caught.value.batch) == (Kind.CRASH, 2)
    assert caught.value.message.startswith("exited with 1, with its memory limited to 1024 MB")
    assert caught.value.message.endswith("MemoryError")
    assert connection.detokenize(GOOD) == CHUNKS


@pytest.mark.parametrize(("mode", "says"), [("drop", "no answer"), ("twice", "an answer too many")])
def test_the_last_batch_of_a_case_is_not_the_fault_of_the_next(connect: Connect, mode: str, says: str) -> None:
    connection = connect(mode)
    with pytest.raises(Fault) as caught:
        connection.detokenize(Program("last", [1, 2], [97, 33], [1, 1], [1, 1]))
    assert (caught.value.kind, caught.value.batch) == (Kind.ERROR, 1)
    assert says in caught.value.message
    with pytest.raises(Fault) as caught:
        connection.tokenize(Prompts("last", [[TokenizeRequest(uid, text)] for uid, text in enumerate("a!")]))
    assert (caught.value.kind, caught.value.batch) == (Kind.ERROR, 1)
    assert says in caught.value.message
    assert connection.detokenize(GOOD) == CHUNKS


def test_a_worker_killed_between_cases_is_a_crash_and_replaced(connect: Connect) -> None:
    connection = connect("good")
    process = running(connection)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait_death(30) == "killed by SIGKILL"
    with pytest.raises(Fault) as caught:
        connection.detokenize(GOOD)
    assert (caught.value.kind, caught.value.batch) == (Kind.CRASH, 0)
    assert "killed by SIGKILL" in caught.value.message
    # A new worker was asked the same again, and is well.
    assert "it was well when asked again" in caught.value.message
    assert connection.detokenize(GOOD) == CHUNKS


@pytest.mark.parametrize(
    ("mode", "seconds", "says"),
    [
        ("no ready", 60.0, "no such tokenizer"),
        ("no ready", 60.0, "it exited with 1 first"),
        ("hello", 60.0, "it wrote 'hello' in place of 'ready'"),
        ("silent", 0.5, "it still isn't after 0.5 s"),
    ],
)
def test_a_worker_that_does_not_get_ready(connect: Connect, mode: str, seconds: float, says: str) -> None:
    with pytest.raises(TargetError) as caught:
        connect(mode, start_timeout=seconds)
    assert says in str(caught.value)


def test_a_command_that_is_none(tmp_path: pathlib.Path) -> None:
    with pytest.raises(TargetError, match="can't start"):
        SocketConnection((str(tmp_path / "none"), *ARGUMENTS), tmp_path)


def test_the_sockets_are_in_a_folder_of_their_own_that_goes(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setattr(tempfile, "tempdir", place)
        connection = connect("good")
        [folder] = pathlib.Path(place).iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.name for path in folder.iterdir()} == {"pull", "backend", "frontend"}
        connection.close()
        assert list(pathlib.Path(place).iterdir()) == []


def test_a_long_temporary_folder_is_no_hindrance(
    connect: Connect, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("long" * 25)
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    assert connect("good").detokenize(GOOD) == CHUNKS


def test_close_ends_the_worker_and_may_be_repeated(connect: Connect) -> None:
    connection = connect("good")
    process = running(connection)
    connection.close()
    connection.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_program_that_the_wire_cannot_say_is_refused(connect: Connect) -> None:
    connection = connect("good")
    with pytest.raises(ValueError, match="abort among other messages"):
        connection.detokenize(Program("mixed", [1, 2], [97, 0], [0, Event.ABORT], [2]))
    with pytest.raises(ValueError, match="is more than"):
        connection.detokenize(Program("huge", [1] * 70_000, [97] * 70_000, [0] * 70_000, [70_000]))
    assert connection.detokenize(GOOD) == CHUNKS


def test_the_python_worker(small_tokenizer: pathlib.Path) -> None:
    connection = SocketConnection((sys.executable, "-m", "impls.worker", *ARGUMENTS), small_tokenizer, cwd=ROOT)
    try:
        # An abort in the middle of a character, and the same uid after it.
        program = Program("split", [4, 4, 4, 5], [0xE4, 0, 97, 98], [0, Event.ABORT, 1, 1], [1, 1, 2])
        assert connection.detokenize(program) == ["", "a", "b"]
        assert connection.tokenize(Prompts("p", [[TokenizeRequest(1, "ab")]])) == [[97, 98]]
        started = time.monotonic()
    finally:
        connection.close()
    # It ends by itself when asked to, and isn't killed after the grace.
    assert time.monotonic() - started < 5
