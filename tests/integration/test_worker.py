from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import zmq

from tests.integration.serving import PROGRAMS, Running, abort, free_ports, program, prompt, reply, token

BYTE_E4 = 0xE4
Started = Callable[..., Running]


@pytest.fixture(params=PROGRAMS)
def start(request: pytest.FixtureRequest, small_tokenizer: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[Started]:
    running: list[Running] = []

    def begin(*options: str, **more: Any) -> Running:
        running.append(Running(program(request.param), small_tokenizer, tmp_path, *options, **more))
        return running[-1]

    yield begin
    for worker in running:
        worker.close()


def test_one_message_is_answered_bare_and_several_as_a_batch(start: Started) -> None:
    worker = start()
    worker.send(token(0, ord("a")))
    assert worker.receive("frontend") == reply(0, "a")
    worker.send(token(0, ord("b"), True), token(2**63 - 1, ord("c")))
    assert worker.receive("frontend") == {
        "__type__": "BatchFrontendMsg",
        "data": [reply(0, "b", True), reply(2**63 - 1, "c")],
    }


def test_ids_leave_as_int32_and_the_parameters_untouched(start: Started) -> None:
    worker = start()
    worker.send(prompt(7, "ab"))
    answer = worker.receive("backend")
    assert answer["uid"] == 7
    assert answer["sampling_params"] == {"__type__": "SamplingParams"}
    assert answer["input_ids"]["dtype"] == "torch.int32"
    assert answer["input_ids"]["buffer"] == b"a\0\0\0b\0\0\0"


def test_an_abort_is_passed_on_and_forgets(start: Started) -> None:
    worker = start()
    worker.send(token(3, BYTE_E4))
    assert worker.receive("frontend") == reply(3, "")
    worker.send(abort(3))
    assert worker.receive("backend") == {"__type__": "AbortBackendMsg", "uid": 3}
    worker.send(token(3, ord("a")))
    assert worker.receive("frontend") == reply(3, "a")


def test_a_uid_twice_in_a_frame_is_answered_as_two_batches(start: Started) -> None:
    worker = start()
    worker.send(token(1, ord("a")), token(2, ord("x")), token(1, ord("b"), True), token(1, ord("c")))
    answer = worker.receive("frontend")
    assert [(message["uid"], message["incremental_output"]) for message in answer["data"]] == [
        (1, "a"),
        (2, "x"),
        (1, "b"),
        (1, "c"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        token(5, -1),
        token(5, 2**32),
        token(-1, 1),
        {"__type__": "DetokenizeMsg", "uid": 5, "next_token": "a", "finished": False},
        {"__type__": "DetokenizeMsg", "uid": 5, "next_token": 1},
        {"__type__": "DetokenizeMsg", "uid": 5, "next_token": 1, "finished": 1},
        {"__type__": "Nothing", "uid": 5},
        {"uid": 5},
        7,
        None,
    ],
    ids=repr,
)
def test_a_bad_message_costs_only_itself(start: Started, bad: object) -> None:
    worker = start("--local-bs", "1")
    worker.send(token(1, ord("a")), bad, token(2, ord("b")))
    worker.send(token(1, ord("c")))
    answers = [worker.receive("frontend") for _ in range(2)]
    flat = [message for answer in answers for message in answer.get("data", [answer])]
    assert [(message["uid"], message["incremental_output"]) for message in flat] == [(1, "a"), (2, "b"), (1, "c")]
    code, log = worker.stop()
    assert code == 0
    assert log


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x93\x01", b"{}", b"\x80"])
def test_a_frame_of_nothing_is_survived(start: Started, frame: bytes) -> None:
    worker = start()
    worker.send(frame=frame)
    worker.send(token(1, ord("a")))
    assert worker.receive("frontend") == reply(1, "a")


def test_a_request_to_end_finishes_what_came_before(start: Started) -> None:
    worker = start()
    for at in range(200):
        worker.send(token(at, ord("a")))
    first = worker.receive("frontend")
    code, _ = worker.stop()
    assert code == 0
    answered = len(first.get("data", [first]))
    while answered < 200:
        answer = worker.receive("frontend")
        answered += len(answer.get("data", [answer]))
    assert answered == 200


def test_all_ends_may_be_connected(start: Started) -> None:
    worker = start(bound=())
    worker.send(token(1, ord("a")))
    assert worker.receive("frontend") == reply(1, "a")
    worker.send(abort(1))
    assert worker.receive("backend") == {"__type__": "AbortBackendMsg", "uid": 1}
    assert worker.stop()[0] == 0


def test_its_sockets_are_for_its_own_user_only(start: Started, tmp_path: pathlib.Path) -> None:
    start(bound=("pull", "backend", "frontend"))
    for end in ("pull", "backend", "frontend"):
        assert (tmp_path / end).stat().st_mode & 0o077 == 0


def test_a_request_to_end_is_heard_while_requests_keep_coming(start: Started) -> None:
    worker = start("--local-bs", "1")
    worker.ends["frontend"].rcvhwm = 0
    frame = msgspec.msgpack.encode(token(1, ord("a")))
    worker.process.send_signal(signal.SIGTERM)
    over = time.monotonic() + 20
    while worker.process.poll() is None:
        assert time.monotonic() < over
        with contextlib.suppress(zmq.Again):
            worker.ends["pull"].send(frame, zmq.NOBLOCK)
        while worker.ends["frontend"].poll(0):
            worker.ends["frontend"].recv()
    assert worker.process.returncode == 0


def test_a_request_to_end_is_heard_while_nobody_reads(start: Started) -> None:
    worker = start("--local-bs", "1", bound=("pull", "frontend"))
    worker.send(token(0, ord("a")))
    assert worker.receive("frontend") == reply(0, "a")
    worker.ends["frontend"].close()
    # Until the worker has noticed that, what it sends is on its way for ZeroMQ.
    time.sleep(0.5)
    for uid in range(3):
        worker.send(token(uid, ord("a")))
    started = time.monotonic()
    code, log = worker.stop()
    assert code == 0
    # What was not sent is not waited for a second time.
    assert time.monotonic() - started < 8
    assert "is lost: the front end doesn't read" in log


def test_a_second_request_to_end_changes_nothing(start: Started) -> None:
    worker = start()
    worker.send(token(1, ord("a")))
    worker.process.send_signal(signal.SIGTERM)
    worker.process.send_signal(signal.SIGINT)
    assert worker.stop()[0] == 0
    assert worker.receive("frontend") == reply(1, "a")


def test_lines_of_the_log_are_short_and_few(start: Started) -> None:
    worker = start("--local-bs", "1")
    worker.send({"__type__": "\u202e\n\x1b[2J" * 100_000, "uid": 5})
    for _ in range(5000):
        worker.send({"__type__": "\u202e\n\x1b[2J", "uid": 5})
    worker.send(token(1, ord("a")))
    assert worker.receive("frontend") == reply(1, "a")
    code, log = worker.stop()
    assert code == 0
    lines = log.splitlines()
    assert all((line.isascii() and line.isprintable()) or "…" in line for line in lines)
    assert max(map(len, lines)) < 400
    # As many a second as there may be, and those that were counted.
    assert 2 <= len(lines) < 5000
    assert any("more lines, not shown" in line for line in lines)


def test_a_log_that_cannot_be_written_to_is_no_reason_to_stop(start: Started) -> None:
    with pathlib.Path("/dev/full").open("w") as full:
        worker = start(stderr=full)
        worker.send(7)
        worker.send(token(1, ord("a")))
        assert worker.receive("frontend") == reply(1, "a")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0


@pytest.mark.parametrize(
    ("name", "environment", "options", "says"),
    [
        (
            "python",
            {"MINISGL_TOKENIZER_BACKEND": "fast"},
            ["--pull", "ipc:///tmp/none"],
            "the valid values are: python, rust_inprocess, rust_tokenize_only",
        ),
        ("python", {}, ["--pull", "tcp://0.0.0.0:5555"], "loopback only"),
        ("python", {}, ["--pull", "tcp://10.0.0.1:5555", "--bind", "none"], "loopback only"),
        ("python", {}, ["--pull", "udp://127.0.0.1:1"], "ipc:// or tcp://"),
        ("service", {}, ["--pull", "tcp://0.0.0.0:5555"], "needs --curve-certificate"),
        ("service", {}, ["--pull", "tcp://10.0.0.1:5555", "--bind", "none"], "and --curve-server"),
        ("service", {}, ["--pull", "ipc://@anyone"], "abstract socket"),
        ("service", {}, ["--pull", "udp://127.0.0.1:1"], "ipc:// or tcp://"),
        ("service", {}, ["--pull", "ipc:///no/such/folder/pull"], "can't bind --pull"),
        ("service", {}, ["--pull", "ipc:///tmp/none", "--local-bs", "0"], "--local-bs"),
    ],
)
def test_what_cannot_be_started_is_said(
    small_tokenizer: pathlib.Path, name: str, environment: dict[str, str], options: list[str], says: str
) -> None:
    others = ["--backend", "ipc:///tmp/none", "--frontend", "ipc:///tmp/none"]
    command = program(name)
    run = subprocess.run(
        [*command.argv, "--tokenizer", str(small_tokenizer), *options, *others],
        env={**os.environ, **command.env, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_tcp_on_loopback_with_every_end_bound(small_tokenizer: pathlib.Path, host: str, name: str) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    process = None
    try:
        ports = free_ports(host, 3)
        pull, backend, frontend = (f"tcp://{host}:{port}" for port in ports)
        options = ["--bind", "pull,backend", "--bind", "frontend"]
        addresses = ["--pull", pull, "--backend", backend, "--frontend", frontend]
        process = program(name).start("--tokenizer", str(small_tokenizer), *options, *addresses)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        ends = [context.socket(kind) for kind in (zmq.PUSH, zmq.PULL, zmq.PULL)]
        for end, port in zip(ends, ports, strict=True):
            end.ipv6 = True
            end.rcvtimeo = 10_000
            end.connect(f"tcp://{host.replace('localhost', '127.0.0.1')}:{port}")
        ends[0].send(msgspec.msgpack.encode(token(1, 97)))
        assert msgspec.msgpack.decode(ends[2].recv()) == reply(1, "a")
        ends[0].send(msgspec.msgpack.encode(abort(1)))
        assert msgspec.msgpack.decode(ends[1].recv()) == {"__type__": "AbortBackendMsg", "uid": 1}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        if process is not None:
            process.kill()
            process.communicate()
        context.destroy(linger=0)
