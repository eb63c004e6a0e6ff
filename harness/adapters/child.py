"""The process that an isolated implementation lives in: `python -m harness.adapters.child SPEC FOLDER PIPE NOTES`."""

from __future__ import annotations

import mmap
import os
import pathlib
import sys
from multiprocessing.connection import Connection as Pipe

import msgspec

from harness.adapters.direct import (
    Tick,
    capabilities_of,
    close_backend,
    make_backend,
    replay_program,
    replay_prompts,
)
from harness.adapters.isolated import Answered, Encoded, Failed, Feed, Order, Ready, Refused, Reply
from harness.errors import Fault, ParityError
from harness.model import Program, Prompts
from harness.protocol import Backend
from harness.targets import load_factory

_decode = msgspec.msgpack.Decoder(Order).decode
_encode = msgspec.msgpack.Encoder().encode


def main(spec: str, folder: str, pipe_fd: str, notes_fd: str) -> None:
    """Make the backend, then answer orders until the pipe closes."""
    pipe = Pipe(int(pipe_fd))
    notes = memoryview(mmap.mmap(int(notes_fd), 8)).cast("q")
    os.close(int(notes_fd))

    def tick(batch: int) -> None:
        notes[0] = batch

    try:
        backend = make_backend(load_factory(spec), pathlib.Path(folder))
    except ParityError as error:
        pipe.send_bytes(_encode(Refused(error.message, error.cause, error.hint)))
        return
    pipe.send_bytes(_encode(Ready(sorted(capabilities_of(backend)))))
    try:
        while True:
            pipe.send_bytes(_answer(backend, _decode(pipe.recv_bytes()), tick))
    except EOFError:
        close_backend(backend)


def _answer(backend: Backend, order: Order, tick: Tick) -> bytes:
    reply: Reply
    try:
        if isinstance(order, Feed):
            program = Program("", order.uids, order.tokens, order.events, order.batches)
            reply = Answered(replay_program(backend, program, tick, order.timeout))
        else:
            reply = Encoded([list(ids) for ids in replay_prompts(backend, Prompts("", order.batches), tick)])
        return _encode(reply)
    except Fault as fault:
        return _encode(Failed(fault.batch, fault.message, fault.kind, list(fault.answered)))
    except OverflowError as error:
        return _encode(Failed(0, f"a reply can't be passed on: {error}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
