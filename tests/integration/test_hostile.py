"""Hostile frames mixed with good ones, sent to every worker: none falls over, and every good message is answered right.

`--hostile-frames` says how many; `nox -s hostile` sends a hundred thousand to each.
"""

from __future__ import annotations

import pathlib
import random
import shutil
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from harness.model import DetokenizeRequest, TokenizeRequest
from harness.protocol import Backend
from impls.python import factory
from tests.integration.serving import PROGRAMS, Running, abort, program, prompt, reply, token

TEMPLATE = "{% for turn in messages %}{{ turn.role }}: {{ turn.content }}\n{% endfor %}"
# No frame that is made by damage has a uid so high: what is answered for these was asked here.
OURS = 2**62
STREAMS = 6
LETTERS = "ab é中🙂\n\u202e\0\ufffd"
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


@pytest.fixture(scope="session")
def chat_tokenizer(small_tokenizer: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The small tokenizer with a chat template."""
    folder = tmp_path_factory.mktemp("chat") / "small"
    shutil.copytree(small_tokenizer, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_good_message_among_hostile_ones_is_answered_right(
    name: str, chat_tokenizer: pathlib.Path, tmp_path: pathlib.Path, hostile_frames: int
) -> None:
    options = ["--error-replies"] if name == "service" else []
    worker = Running(program(name), chat_tokenizer, tmp_path, "--local-bs", "1", *options)
    try:
        run = HostileRun(worker, factory(chat_tokenizer), random.Random(1))
        for at in range(hostile_frames):
            if at % 2:
                run.send_mixed()
            else:
                run.send_bad()
            run.receive_what_is_there()
        run.finish()
        assert run.asked > hostile_frames // 2
        assert run.answers["frontend"] == run.expected["frontend"]
        assert run.answers["backend"] == run.expected["backend"]
        code, log = worker.stop()
        assert code == 0
        assert "Traceback" not in log
        assert "panic" not in log
    finally:
        worker.close()


class HostileRun:
    """What is sent to a worker, what it should answer to the good part of it, and what it did answer."""

    def __init__(self, worker: Running, model: Backend, chance: random.Random) -> None:
        self.worker = worker
        self.model = model
        self.chance = chance
        self.asked = 0
        self.expected: dict[str, list[object]] = {"frontend": [], "backend": []}
        self.answers: dict[str, list[object]] = {"frontend": [], "backend": []}
        for end in self.answers:
            worker.ends[end].rcvtimeo = 60_000

    def send_bad(self) -> None:
        """A frame of random bytes, or a good one that was damaged."""
        self.worker.send(frame=_damaged(self.chance))

    def send_mixed(self) -> None:
        """Good messages and bad ones in one frame."""
        chance = self.chance
        good = [self._good() for _ in range(chance.randrange(5))]
        self._expect(good)
        encoded = [msgspec.msgpack.encode(message) for message in good]
        for _ in range(chance.randrange(3)):
            encoded.insert(chance.randrange(len(encoded) + 1), _bad_value(chance))
        self.worker.send(frame=_batch(encoded))

    def _good(self) -> dict[str, object]:
        chance = self.chance
        uid = OURS + chance.randrange(STREAMS)
        text = "".join(chance.choices(LETTERS, k=chance.randrange(8)))
        turns = [{"role": "user", "content": text}] * chance.randrange(1, 3)
        made: Callable[[], dict[str, object]] = chance.choices(
            [
                lambda: token(uid, chance.randrange(257), chance.random() < 0.1),
                lambda: abort(uid),
                # Apart from the streams that are aborted: an abort and a prompt of one uid keep their order.
                lambda: prompt(uid + STREAMS, text),
                lambda: prompt(uid + STREAMS, turns),
            ],
            [10, 1, 2, 2],
        )[0]
        return made()

    def _expect(self, messages: list[dict[str, Any]]) -> None:
        prompts: list[object] = []
        aborts: list[object] = []
        for message in messages:
            uid = message["uid"]
            if message["__type__"] == "DetokenizeMsg":
                request = DetokenizeRequest(uid, message["next_token"], message["finished"])
                [chunk] = self.model.detokenize([request])
                self.expected["frontend"].append(reply(uid, chunk, request.finished))
            elif message["__type__"] == "AbortMsg":
                self.model.abort(uid)
                aborts.append({"__type__": "AbortBackendMsg", "uid": uid})
            else:
                [ids] = self.model.tokenize([TokenizeRequest(uid, message["text"])])
                buffer = b"".join(token.to_bytes(4, "little") for token in ids)
                tensor = {"__type__": "Tensor", "buffer": buffer, "dtype": "torch.int32"}
                params = message["sampling_params"]
                prompts.append({"__type__": "UserMsg", "uid": uid, "input_ids": tensor, "sampling_params": params})
        self.expected["backend"] += prompts + aborts
        self.asked += len(messages)

    def receive_what_is_there(self) -> None:
        """Take in the answers so far."""
        for end in self.answers:
            while self.worker.ends[end].poll(0):
                self._receive(end)

    def finish(self) -> None:
        """One last question for each end, and all that is answered until it is."""
        last = OURS + 2 * STREAMS
        for message in (token(last, ord("z"), True), abort(last)):
            self._expect([message])
            self.worker.send(message)
        for end, answers in self.answers.items():
            while answers[-1:] != self.expected[end][-1:]:
                self._receive(end)

    def _receive(self, end: str) -> None:
        answer = self.worker.receive(end)
        for each in answer["data"] if answer["__type__"].startswith("Batch") else [answer]:
            # Damage may by chance leave a good message, which has an answer too.
            if each["__type__"] != "ErrorReply" and each["uid"] >= OURS:
                self.answers[end].append(each)


def _batch(encoded: list[bytes]) -> bytes:
    parts = [b"\x82\xa8__type__", msgspec.msgpack.encode("BatchTokenizerMsg"), b"\xa4data"]
    return b"".join([*parts, b"\xdc", len(encoded).to_bytes(2, "big"), *encoded])


def _bad_value(chance: random.Random) -> bytes:
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
        prompt(4, [{"role": "user", "content": 1}]),
        prompt(4, [["role", "user"]]),
        [[[]]] * chance.randrange(9),
    ]
    return msgspec.msgpack.encode(chance.choice(bad))


def _damaged(chance: random.Random) -> bytes:
    """A frame of random bytes, or a good one with bytes changed, cut, doubled or followed by junk."""
    if chance.random() < 0.3:
        return chance.choice(JUNK) + chance.randbytes(chance.randrange(20))
    good = [token(1, 2), prompt(3, "text"), prompt(4, [{"role": "r", "content": "c"}]), abort(2)]
    frame = bytearray(_batch([msgspec.msgpack.encode(message) for message in good]))
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
