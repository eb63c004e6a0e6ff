"""Worker processes, spoken to in plain maps: the one in Python with each of its back ends, and the service in Rust."""

from __future__ import annotations

import errno
import functools
import importlib.util
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import msgspec
import pytest
import zmq

RUST = pathlib.Path(__file__).parents[2] / "impls" / "rust"
BACKENDS = ("python", "rust_inprocess", "rust_tokenize_only")
PROGRAMS = (*BACKENDS, "service")


@dataclass(frozen=True, slots=True)
class Command:
    """What starts a program; `env` is added to the environment of the tests."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def start(self, *options: str, **redirected: Any) -> subprocess.Popen[str]:
        env = {**os.environ, **self.env}
        return subprocess.Popen([*self.argv, *options], env=env, text=True, stdout=subprocess.PIPE, **redirected)


@functools.cache
def program(name: str) -> Command:
    """The worker with a back end, or the service, which is built first."""
    if name in BACKENDS:
        if name != "python" and importlib.util.find_spec("minisgl_tokenizer") is None:
            pytest.skip("minisgl_tokenizer is not built")
        return Command((sys.executable, "-m", "impls.worker"), {"MINISGL_TOKENIZER_BACKEND": name})
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    package = "minisgl-tokenizer-service"
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", package], cwd=RUST, check=True)
    return Command((str(RUST / "target" / "release" / package),))


class Running:
    """A worker and the three sockets around it, spoken to in plain maps."""

    def __init__(
        self,
        program: Command,
        folder: pathlib.Path,
        place: pathlib.Path,
        *options: str,
        bound: Sequence[str] = ("pull",),
        stderr: IO[str] | None = None,
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        # Not a pipe, which would be full if nobody reads.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.ends = {}
        for end in ("pull", "backend", "frontend"):
            self.ends[end] = self._context.socket(zmq.PUSH if end == "pull" else zmq.PULL)
            self.ends[end].rcvtimeo = 10_000
            if end not in bound:
                self.ends[end].bind(f"ipc://{place}/{end}")
        addresses = [part for end in self.ends for part in (f"--{end}", f"ipc://{place}/{end}")]
        bind = ["--bind", ",".join(bound) or "none"]
        self.process = program.start(
            "--tokenizer", str(folder), *addresses, *bind, *options, stderr=stderr or self._log
        )
        assert self.process.stdout is not None
        if (line := self.process.stdout.readline()) != "ready\n":
            pytest.fail(f"{line!r} in place of ready: {self.log()}")
        for end in bound:
            self.ends[end].connect(f"ipc://{place}/{end}")

    def send(self, *messages: object, frame: bytes | None = None) -> None:
        batch = messages[0] if len(messages) == 1 else {"__type__": "BatchTokenizerMsg", "data": list(messages)}
        self.ends["pull"].send(msgspec.msgpack.encode(batch) if frame is None else frame)

    def receive(self, end: str) -> Any:
        return msgspec.msgpack.decode(self.ends[end].recv())

    def log(self) -> str:
        """What it wrote to standard error."""
        self._log.seek(0)
        return self._log.read()

    def stop(self) -> tuple[int, str]:
        """Have it stop: its exit code, and what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=30)
        assert out == ""
        return self.process.returncode, self.log()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._log.close()
        self._context.destroy(linger=0)


def token(uid: int, token: int, finished: bool = False) -> dict[str, object]:
    return {"__type__": "DetokenizeMsg", "uid": uid, "next_token": token, "finished": finished}


def prompt(uid: int, text: object) -> dict[str, object]:
    return {"__type__": "TokenizeMsg", "uid": uid, "text": text, "sampling_params": {"__type__": "SamplingParams"}}


def abort(uid: int) -> dict[str, object]:
    return {"__type__": "AbortMsg", "uid": uid}


def reply(uid: int, text: str, finished: bool = False) -> dict[str, object]:
    return {"__type__": "UserReply", "uid": uid, "incremental_output": text, "finished": finished}


def free_ports(host: str, number: int) -> list[int]:
    """Ports that nobody has just now, of those that the system gives to nobody by itself.

    Tried with plain sockets: one of ZeroMQ's is closed by another thread, and may keep its port for a while.
    """
    ports: list[int] = []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in random.sample(range(15_000, 30_000), 1000):
        if len(ports) == number:
            break
        with socket.socket(family) as probe:
            try:
                probe.bind((host.strip("[]"), port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    pytest.skip(f"no {host} here: {error}")
            else:
                ports.append(port)
    return ports
