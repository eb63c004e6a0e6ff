"""Which frames the worker takes together, and what it does when it is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import zmq

from harness.wire import RequestReader
from impls.worker.answer import Answerer
from impls.worker.frames import ReadFrames
from impls.worker.log import LimitedLog
from impls.worker.loop import Sockets, Stop, Worker
from tests.unit.impls_worker.recorder import Recorder, short


def token(uid: int, token: int, finished: bool = False) -> dict[str, object]:
    return {"__type__": "DetokenizeMsg", "uid": uid, "next_token": token, "finished": finished}


class Inside:
    """A worker in this process, whose frames are there before it looks for them."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], local_bs: int) -> None:
        def pair(name: str, outer: int, inner: int) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
            ends = context.socket(outer), context.socket(inner)
            ends[0].bind(f"inproc://{name}")
            ends[1].connect(f"inproc://{name}")
            return ends

        self.push, pull = pair("pull", zmq.PUSH, zmq.PULL)
        self.frontend, frontend = pair("frontend", zmq.PULL, zmq.PUSH)
        self.backend, backend = pair("backend", zmq.PULL, zmq.PUSH)
        self.log: list[str] = []
        self.recorder = Recorder()
        log = LimitedLog(self.log.append)
        sockets = Sockets(pull, backend, frontend)
        self.frames = ReadFrames(Answerer(self.recorder, log), RequestReader(), log, local_bs)
        self.worker = Worker(sockets, self.frames, log, Stop())

    def send(self, *messages: object) -> None:
        for message in messages:
            self.push.send(msgspec.msgpack.encode(message))

    def answers(self, end: zmq.Socket[bytes]) -> list[Any]:
        found = []
        while end.poll(0):
            found.append(short(end.recv()))
        return found


@pytest.fixture
def inside() -> Iterator[Callable[[int], Inside]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    workers: list[Inside] = []

    def begin(local_bs: int) -> Inside:
        workers.append(Inside(context, local_bs))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.worker.stop.close()
    context.destroy(linger=0)


def test_frames_are_merged_until_there_are_enough_messages(inside: Callable[[int], Inside]) -> None:
    worker = inside(3)
    pair = {"__type__": "BatchTokenizerMsg", "data": [token(1, 97), token(2, 97)]}
    worker.send(token(1, 97), pair, token(1, 98), token(3, 97))
    assert worker.worker.step()
    assert not worker.worker.step()
    # The pair took it over the number: a frame is never cut.
    assert worker.answers(worker.frontend) == [[(1, "1"), (1, "2"), (2, "1")], [(1, "3"), (3, "1")]]
    assert worker.recorder.calls == [[(1, 97)], [(1, 97), (2, 97)], [(1, 98), (3, 97)]]


def test_frames_are_not_merged_at_a_size_of_one(inside: Callable[[int], Inside]) -> None:
    worker = inside(1)
    worker.send(token(1, 97), token(2, 97))
    while worker.worker.step():
        pass
    assert worker.answers(worker.frontend) == [(1, "1"), (2, "1")]
    worker.send(token(1, 97))
    assert worker.worker.step()


def test_bad_frames_do_not_keep_the_good_ones_waiting(inside: Callable[[int], Inside]) -> None:
    worker = inside(4)
    worker.send(token(1, 97), *[7] * 100)
    assert worker.worker.step()
    assert worker.answers(worker.frontend) == [(1, "1")]
    assert len(worker.log) == 3


def test_bytes_of_bad_frames_do_not_keep_the_good_ones_waiting(inside: Callable[[int], Inside]) -> None:
    worker = inside(1000)
    worker.frames.reader = RequestReader(max_frame_bytes=1000)
    worker.send(token(1, 97), *["x" * 600] * 10)
    assert worker.worker.step()
    assert worker.answers(worker.frontend) == [(1, "1")]
    assert len(worker.log) == 2


def test_a_frame_full_of_bad_messages_is_a_few_lines(inside: Callable[[int], Inside]) -> None:
    worker = inside(1)
    worker.send({"__type__": "BatchTokenizerMsg", "data": [token(1, 97), *[token(2, -1)] * 1000]})
    worker.worker.step()
    assert worker.answers(worker.frontend) == [(1, "1")]
    assert len(worker.log) == 11
    assert worker.log[-1] == "and 990 more bad messages with it"


def test_lines_that_were_not_shown_are_spoken_of(inside: Callable[[int], Inside]) -> None:
    worker = inside(1)
    worker.send(*[7] * 150)
    worker.worker.stop.set()
    worker.worker.run()
    assert len(worker.log) == 101
    assert worker.log[-1] == "and 50 more lines, not shown"


def test_told_to_stop_it_answers_what_is_there(inside: Callable[[int], Inside]) -> None:
    worker = inside(1)
    worker.send(*[token(uid, 97) for uid in range(50)])
    worker.worker.stop.set()
    worker.worker.run()
    assert worker.answers(worker.frontend) == [(uid, "1") for uid in range(50)]
