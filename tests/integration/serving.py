"""Worker processes, spoken to in plain maps: the one in Python and the service in Rust."""

from __future__ import annotations

import functools
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import zmq

RUST = pathlib.Path(__file__).parents[2] / "impls" / "rust"
PROGRAMS = ("worker", "service")


@functools.cache
def program(name: str) -> tuple[str, ...]:
    """The command of a program, which is built first where that is needed."""
    if name == "worker":
        return (sys.executable, "-m", "impls.worker")
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    package = "minisgl-tokenizer-service"
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", package], cwd=RUST, check=True)
    return (str(RUST / "target" / "release" / package),)


class Running:
    """A worker and the three sockets around it, spoken to in plain maps."""

    def __init__(self, program: Sequence[str], folder: pathlib.Path, place: pathlib.Path, *options: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.ends = {}
        for end in ("backend", "frontend"):
            self.ends[end] = self._context.socket(zmq.PULL)
            self.ends[end].bind(f"ipc://{place}/{end}")
            self.ends[end].rcvtimeo = 10_000
        addresses = [part for end in ("pull", "backend", "frontend") for part in (f"--{end}", f"ipc://{place}/{end}")]
        self.process = subprocess.Popen(
            [*program, "--tokenizer", str(folder), *addresses, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.push = self._context.socket(zmq.PUSH)
        self.push.connect(f"ipc://{place}/pull")

    def send(self, *messages: object, frame: bytes | None = None) -> None:
        batch = messages[0] if len(messages) == 1 else {"__type__": "BatchTokenizerMsg", "data": list(messages)}
        self.push.send(msgspec.msgpack.encode(batch) if frame is None else frame)

    def receive(self, end: str) -> Any:
        return msgspec.msgpack.decode(self.ends[end].recv())

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._context.destroy(linger=0)


def token(uid: int, token: int, finished: bool = False) -> dict[str, object]:
    return {"__type__": "DetokenizeMsg", "uid": uid, "next_token": token, "finished": finished}


def prompt(uid: int, text: object) -> dict[str, object]:
    return {"__type__": "TokenizeMsg", "uid": uid, "text": text, "sampling_params": {"__type__": "SamplingParams"}}


def reply(uid: int, text: str, finished: bool = False) -> dict[str, object]:
    return {"__type__": "UserReply", "uid": uid, "incremental_output": text, "finished": finished}


def free_port(context: zmq.Context[zmq.Socket[bytes]], host: str) -> int:
    """A port that nobody has just now."""
    with context.socket(zmq.PULL) as probe:
        probe.ipv6 = True
        try:
            probe.bind(f"tcp://{host.replace('localhost', '127.0.0.1')}:*")
        except zmq.ZMQError as error:
            pytest.skip(f"no {host} here: {error}")
        return int(probe.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
