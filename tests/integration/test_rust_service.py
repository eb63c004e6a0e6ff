"""What the Rust service has beyond the worker: error replies and CURVE."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import zmq
import zmq.auth

from tests.integration.serving import Running, abort, free_ports, program, prompt, reply, token


@pytest.fixture
def service(small_tokenizer: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[Running]:
    running = Running(program("service"), small_tokenizer, tmp_path, "--error-replies", "--local-bs", "1")
    yield running
    running.close()


def _error(uid: int | None, code: str, answer: Any) -> None:
    assert (answer["__type__"], answer["uid"], answer["code"]) == ("ErrorReply", uid, code)
    assert answer["message"]


@pytest.mark.parametrize(
    ("bad", "uid", "code"),
    [
        (token(5, -1), 5, "bad-message"),
        (token(5, 2**32), 5, "bad-message"),
        ({"__type__": "AbortMsg", "uid": -1}, None, "bad-message"),
        ({"__type__": "AbortMsg", "uid": 2**63}, None, "bad-message"),
        ({"__type__": "AbortMsg", "uid": 1.0}, None, "bad-message"),
        ({"__type__": "TokenizeMsg", "uid": 5, "text": "a"}, 5, "bad-message"),
        ({"__type__": "TokenizeMsg", "uid": 5, "text": "a", "sampling_params": []}, 5, "bad-message"),
        (prompt(5, b"bytes"), 5, "bad-message"),
        (prompt(5, [{"role": 1}]), 5, "bad-message"),
        (prompt(5, ["a"]), 5, "bad-message"),
        ({"__type__": "BatchTokenizerMsg", "data": [], "uid": 5}, 5, "bad-message"),
        (prompt(5, [{"role": "user", "content": "a"}]), 5, "not-encoded"),
        (prompt(5, "a" * 4_000_001), 5, "long-prompt"),
        (prompt(5, [{"role": "user", "content": "é" * 4_000_001}]), 5, "long-prompt"),
        (7, None, "bad-message"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_request_without_an_answer_has_an_error(service: Running, bad: object, uid: int | None, code: str) -> None:
    service.send(token(1, ord("a")), bad, token(2, ord("b")))
    assert [each["incremental_output"] for each in service.receive("frontend")["data"]] == ["a", "b"]
    _error(uid, code, service.receive("frontend"))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x80", "bad-frame"),
        (b"", "bad-frame"),
        (msgspec.msgpack.encode(token(1, 2)) + b"\0", "bad-frame"),
        (msgspec.msgpack.encode(token(1, 2))[:-1], "bad-frame"),
        (b"\0" * (16 * 2**20 + 1), "long-frame"),
    ],
    ids=["empty map", "empty", "trailing", "cut off", "too long"],
)
def test_a_frame_without_requests_has_an_error(service: Running, frame: bytes, code: str) -> None:
    service.send(frame=frame)
    _error(None, code, service.receive("frontend"))
    service.send(token(1, ord("a")))
    assert service.receive("frontend") == reply(1, "a")


def test_keys_in_any_order_and_unknown_ones(service: Running) -> None:
    service.send({"later": [1], "finished": True, "next_token": 97, "uid": 2**40, "__type__": "DetokenizeMsg"})
    assert service.receive("frontend") == reply(2**40, "a", True)


def test_an_abort_between_a_prompt_and_its_successor_keeps_the_order(service: Running) -> None:
    service.send(prompt(1, "a"), abort(1), prompt(1, "b"))
    first, second, third = (service.receive("backend") for _ in range(3))
    assert first["input_ids"]["buffer"] == b"a\0\0\0"
    assert second == {"__type__": "AbortBackendMsg", "uid": 1}
    assert third["input_ids"]["buffer"] == b"b\0\0\0"


@pytest.fixture
def certificates(tmp_path: pathlib.Path) -> pathlib.Path:
    for name in ("service", "friend", "stranger"):
        zmq.auth.create_certificates(tmp_path, name)
    (tmp_path / "clients").mkdir()
    (tmp_path / "friend.key").rename(tmp_path / "clients" / "friend.key")
    return tmp_path


def test_with_curve_only_known_clients_are_answered(certificates: pathlib.Path, small_tokenizer: pathlib.Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    [port] = free_ports("127.0.0.1", 1)
    replies = context.socket(zmq.PULL)
    replies.bind(f"ipc://{certificates}/frontend")
    replies.rcvtimeo = 10_000
    options = ["--curve-certificate", str(certificates / "service.key_secret")]
    options += ["--curve-clients", str(certificates / "clients")]
    addresses = ["--pull", f"tcp://0.0.0.0:{port}", "--backend", f"ipc://{certificates}/backend"]
    addresses += ["--frontend", f"ipc://{certificates}/frontend"]
    process = program("service").start("--tokenizer", str(small_tokenizer), *options, *addresses)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        server, _ = zmq.auth.load_certificate(certificates / "service.key")
        clients: list[zmq.Socket[bytes]] = []
        for uid, keys in zip(itertools.count(), ("stranger", "", "friend"), strict=False):
            client = context.socket(zmq.PUSH)
            clients.append(client)
            if keys:
                client.curve_publickey, client.curve_secretkey = zmq.auth.load_certificate(
                    certificates / f"{keys}.key_secret"
                )
                client.curve_serverkey = server
            client.connect(f"tcp://127.0.0.1:{port}")
            client.send(msgspec.msgpack.encode(token(uid, 97)))
        assert msgspec.msgpack.decode(replies.recv()) == reply(2, "a")
        assert not replies.poll(300)
    finally:
        process.kill()
        process.communicate()
        context.destroy(linger=0)


@pytest.mark.parametrize(("known", "heard"), [("friend", True), ("stranger", False)])
def test_with_curve_only_the_known_server_is_spoken_to(
    certificates: pathlib.Path, small_tokenizer: pathlib.Path, known: str, heard: bool
) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    replies = context.socket(zmq.PULL)
    replies.curve_server = True
    replies.curve_publickey, replies.curve_secretkey = zmq.auth.load_certificate(certificates / "friend.key_secret")
    replies.bind("tcp://127.0.0.1:*")
    certificate = {"friend": certificates / "clients" / "friend.key", "stranger": certificates / "stranger.key"}
    options = ["--curve-certificate", str(certificates / "service.key_secret")]
    options += ["--curve-clients", str(certificates / "clients"), "--curve-server", str(certificate[known])]
    addresses = ["--pull", f"ipc://{certificates}/pull", "--backend", f"ipc://{certificates}/backend"]
    addresses += ["--frontend", replies.getsockopt_string(zmq.LAST_ENDPOINT)]
    process = program("service").start("--tokenizer", str(small_tokenizer), *options, *addresses)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        requests = context.socket(zmq.PUSH)
        requests.connect(f"ipc://{certificates}/pull")
        requests.send(msgspec.msgpack.encode(token(1, 97)))
        assert bool(replies.poll(10_000 if heard else 500)) == heard
        if heard:
            assert msgspec.msgpack.decode(replies.recv()) == reply(1, "a")
    finally:
        process.kill()
        process.communicate()
        context.destroy(linger=0)
