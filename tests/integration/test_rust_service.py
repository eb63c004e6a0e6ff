"""What the Rust service has beyond the worker: error replies, CURVE, and a taste for hostile frames."""

from __future__ import annotations

import itertools
import pathlib
import random
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import zmq
import zmq.auth

from harness.model import DetokenizeRequest
from impls.python import factory
from tests.integration.serving import Running, free_port, program, prompt, reply, token

HOSTILE_FRAMES = 3000
# Values of every MessagePack kind, a few of them where they claim more than there is.
JUNK = [bytes([byte]) for byte in range(256)] + [
    b"\xdf\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff",
    b"\x91" * 100_000,
    b"\x81\xa1a" * 50_000,
]


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
    service.send(prompt(1, "a"), {"__type__": "AbortMsg", "uid": 1}, prompt(1, "b"))
    first, second, third = (service.receive("backend") for _ in range(3))
    assert first["input_ids"]["buffer"] == b"a\0\0\0"
    assert second == {"__type__": "AbortBackendMsg", "uid": 1}
    assert third["input_ids"]["buffer"] == b"b\0\0\0"


def test_every_good_message_among_hostile_ones_is_answered_right(
    service: Running, small_tokenizer: pathlib.Path
) -> None:
    hostile_run(service, small_tokenizer, HOSTILE_FRAMES, seed=1)


def hostile_run(service: Running, tokenizer: pathlib.Path, frames: int, seed: int) -> None:
    """Send so many hostile frames, with good messages in every other one, and check every good answer."""
    chance, python = random.Random(seed), factory(tokenizer)
    expected: list[dict[str, object]] = []
    answered: list[Any] = []
    service.ends["frontend"].rcvtimeo = 20_000
    for at in range(frames):
        good = [token(1000 + slot, chance.randrange(257), chance.random() < 0.1) for slot in range(chance.randrange(4))]
        if at % 2 and good:
            encoded = [msgspec.msgpack.encode(message) for message in good]
            for _ in range(chance.randrange(3)):
                encoded.insert(chance.randrange(len(encoded) + 1), _hostile_value(chance))
            parts = [b"\x82\xa8__type__", msgspec.msgpack.encode("BatchTokenizerMsg"), b"\xa4data"]
            service.send(frame=b"".join([*parts, b"\xdc", len(encoded).to_bytes(2, "big"), *encoded]))
            requests = [DetokenizeRequest(m["uid"], m["next_token"], m["finished"]) for m in good]  # type: ignore[arg-type]
            chunks = python.detokenize(requests)
            replies = zip(requests, chunks, strict=True)
            expected += [reply(request.uid, chunk, request.finished) for request, chunk in replies]
        else:
            service.send(frame=_mutated(chance))
        while service.ends["frontend"].poll(0):
            answered += _messages(service.receive("frontend"))
    service.send(token(9, ord("z"), True))
    expected.append(reply(9, "z", True))
    while answered[-1:] != expected[-1:]:
        answered += _messages(service.receive("frontend"))
    assert [answer for answer in answered if answer["__type__"] == "UserReply"] == expected
    assert service.process.poll() is None


def _messages(answer: Any) -> list[Any]:
    found = answer["data"] if answer["__type__"] == "BatchFrontendMsg" else [answer]
    # A hostile frame may by chance hold a good message; those that are checked have uids of their own.
    return [each for each in found if each["__type__"] == "ErrorReply" or each["uid"] == 9 or each["uid"] >= 1000]


def _hostile_value(chance: random.Random) -> bytes:
    """One whole value that is no request."""
    bad: list[object] = [
        None,
        [],
        {},
        token(5, -1),
        token(2**63 - 1, 2**40),
        {"__type__": "TokenizeMsg", "uid": 4},
        {"__type__": ["TokenizeMsg"]},
        {"__type__": "AbortMsg", "uid": "x" * chance.randrange(40)},
        [[[]]] * chance.randrange(9),
    ]
    return msgspec.msgpack.encode(chance.choice(bad))


def _mutated(chance: random.Random) -> bytes:
    """A frame of random bytes, or a good one with bytes changed, cut, doubled or followed by junk."""
    if chance.random() < 0.3:
        return chance.choice(JUNK) + chance.randbytes(chance.randrange(20))
    batch = {"__type__": "BatchTokenizerMsg", "data": [token(1, 2), prompt(3, "text"), prompt(4, [{"role": "r"}])]}
    frame = bytearray(msgspec.msgpack.encode(batch))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(frame))
        how = chance.randrange(4)
        if how == 0:
            frame[at] = chance.randrange(256)
        elif how == 1:
            del frame[at + 1 :]
        elif how == 2:
            frame[at:at] = frame[at : at + 20]
        else:
            frame[at:at] = chance.choice(JUNK[:256])
    return bytes(frame)


@pytest.fixture
def certificates(tmp_path: pathlib.Path) -> pathlib.Path:
    for name in ("service", "friend", "stranger"):
        zmq.auth.create_certificates(tmp_path, name)
    (tmp_path / "clients").mkdir()
    (tmp_path / "friend.key").rename(tmp_path / "clients" / "friend.key")
    return tmp_path


def test_with_curve_only_known_clients_are_answered(certificates: pathlib.Path, small_tokenizer: pathlib.Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    port = free_port(context, "127.0.0.1")
    replies = context.socket(zmq.PULL)
    replies.bind(f"ipc://{certificates}/frontend")
    replies.rcvtimeo = 10_000
    options = ["--curve-certificate", str(certificates / "service.key_secret")]
    options += ["--curve-clients", str(certificates / "clients")]
    addresses = ["--pull", f"tcp://0.0.0.0:{port}", "--backend", f"ipc://{certificates}/backend"]
    addresses += ["--frontend", f"ipc://{certificates}/frontend"]
    process = subprocess.Popen(
        [*program("service"), "--tokenizer", str(small_tokenizer), *options, *addresses],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        server, _ = zmq.auth.load_certificate(certificates / "service.key")
        for uid, keys in zip(itertools.count(), ("stranger", "", "friend"), strict=False):
            client = context.socket(zmq.PUSH)
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
