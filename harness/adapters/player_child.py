"""The process of an `IsolatedPlayer`: `python -m harness.adapters.player_child SPEC FOLDER PIPE NOTES`."""

from __future__ import annotations

import mmap
import os
import pathlib
import sys
from multiprocessing.connection import Connection as Pipe

import msgspec

from harness.adapters.isolated_player import Answered, PlayedData, Refused, Started
from harness.adapters.player import DirectPlayer, Played
from harness.errors import ParityError
from harness.script import Raised, from_data
from harness.targets import load_factory

_encode = msgspec.msgpack.Encoder().encode


def main(spec: str, folder: str, pipe_fd: str, notes_fd: str) -> None:
    """Make the implementation, then play what comes until the pipe closes."""
    pipe = Pipe(int(pipe_fd))
    notes = memoryview(mmap.mmap(int(notes_fd), 16)).cast("q")
    os.close(int(notes_fd))

    def tick(script: int, step: int) -> None:
        notes[0], notes[1] = script, step

    try:
        player = DirectPlayer(load_factory(spec), pathlib.Path(folder), tick)
    except ParityError as error:
        pipe.send_bytes(_encode(Refused(error.message, error.cause, error.hint)))
        return
    started = _encode(Started(sorted(player.capabilities)))
    pipe.send_bytes(started)
    try:
        while True:
            order = msgspec.msgpack.decode(pipe.recv_bytes())
            if order is None:
                player.renew()
                pipe.send_bytes(started)
            else:
                played = player.play([from_data(data) for data in order])
                pipe.send_bytes(_encode(Answered(list(map(_data, played)))))
    except EOFError:
        player.close()


def _data(played: Played) -> PlayedData:
    answers, fault = played
    return PlayedData(
        [{"raised": answer.what} if isinstance(answer, Raised) else answer for answer in answers],  # type: ignore[misc]
        (fault.step, fault.slot, fault.what) if fault is not None else None,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
