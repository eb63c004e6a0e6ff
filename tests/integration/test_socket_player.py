"""Workers on the wire that are asked scripts: what they answer, and what becomes of those that fall."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator

import pytest

from harness.adapters.socket_player import SocketPlayer
from harness.campaign import Ended, Found, Plan, search
from harness.conformance import abort, encode, feed
from harness.errors import ParityError
from harness.fuzz import Budget, Setting, worker_judge_of
from harness.model import Kind
from harness.script import Raised, Script
from harness.targets import Target, find_target
from tests.conftest import ROOT

SICK = """
import os, sys, time
import zmq
from harness.wire import AbortBackendMsg, DetokenizeMsg, RequestReader, UserReply, encode_backend, encode_replies

context = zmq.Context()
requests, back, front = context.socket(zmq.PULL), context.socket(zmq.PUSH), context.socket(zmq.PUSH)
requests.bind(sys.argv[1])
back.connect(sys.argv[2])
front.connect(sys.argv[3])
print("ready", flush=True)
seen = 0
while True:
    replies = []
    for message in RequestReader().read(requests.recv())[0]:
        if not isinstance(message, DetokenizeMsg):
            back.send(encode_backend([AbortBackendMsg(message.uid)]))
            continue
        if message.next_token == 98:
            os.abort()
        if message.next_token == 99:
            time.sleep(600)
        seen += 1
        if message.next_token != 100:
            replies.append(UserReply(message.uid, str(seen), message.finished))
    if replies:
        front.send(encode_replies(replies))
"""
"""A worker that answers with a count, dies at token 98, hangs at 99 and is silent at 100."""


@pytest.fixture
def sick(tmp_path: pathlib.Path) -> Iterator[SocketPlayer]:
    path = tmp_path / "sick.py"
    path.write_text(SICK, encoding="utf-8")
    command = ("{python}", str(path), "{pull}", "{backend}", "{frontend}")
    player = SocketPlayer(command, tmp_path, {"PYTHONPATH": str(ROOT)}, patience=1.0)
    yield player
    player.close()


def _one(token: int) -> Script:
    return Script((feed((0, 1, False)), abort(7), feed((0, token, True))))


@pytest.mark.parametrize(("token", "kind"), [(98, Kind.CRASH), (99, Kind.HANG), (100, Kind.ERROR)])
def test_a_worker_that_falls_is_blamed_for_the_call_and_started_anew(
    token: int, kind: Kind, sick: SocketPlayer
) -> None:
    (before, no_fault), (answers, fault), (after, none) = sick.play([_one(1), _one(token), _one(2)])
    assert (before, no_fault) == ([["1"], None, ["2"]], None)
    assert fault is not None
    assert (answers, fault.kind, fault.step) == ([], kind, 2)
    # A new one counts from the beginning.
    assert (after, none) == ([["1"], None, ["2"]], None)


def test_a_worker_is_made_anew_when_it_is_asked_for(sick: SocketPlayer) -> None:
    assert sick.play([_one(1)])[0][0] == [["1"], None, ["2"]]
    # The third that it counts is the question after a script, which shows an answer too many.
    assert sick.play([_one(1)])[0][0] == [["4"], None, ["5"]]
    sick.renew()
    assert sick.play([_one(1)])[0][0] == [["1"], None, ["2"]]


def test_what_the_wire_cant_carry_is_refused_and_not_sent(sick: SocketPlayer) -> None:
    ((answers, fault),) = sick.play(
        [Script((feed((0, 5, False)), feed((1, 5, False), (0, -1, False)), feed((0, 5, True))))]
    )
    assert fault is None
    assert isinstance(answers[1], Raised)
    assert [answers[0], answers[2]] == [["1"], ["2"]]


def test_a_worker_answers_as_its_implementation_does(setting: Callable[[str], Setting]) -> None:
    ground = setting("straddle")
    judge = worker_judge_of(find_target("worker", ROOT / "impls"), ground, "reference")
    try:
        script = Script(
            (feed((0, 97, False), (0, 97, False)), encode((3, "a"), (4, "b")), abort(0), feed((0, 98, True)))
        )
        assert judge.judge(script) == []
        assert judge.answers(script) == [["a", "a"], [[97], [98]], None, ["b"]]
    finally:
        judge.close()


def test_what_is_wrong_with_a_worker_is_found_shrunk_and_not_exported(
    tmp_path: pathlib.Path, setting: Callable[[str], Setting]
) -> None:
    path = tmp_path / "sick.py"
    path.write_text(
        SICK.replace("str(seen)", "chr(message.next_token) if message.next_token < 128 else ''"), encoding="utf-8"
    )
    target = Target("sick", command=(sys.executable, str(path), "{pull}", "{backend}", "{frontend}"))
    plan = Plan("reference", 0, Budget(12), tmp_path / "finds", None)
    events = list(search([target], [setting("straddle")], plan))
    found = [event.find for event in events if isinstance(event, Found)]
    assert found
    assert all(find.repeats for find in found)
    assert min(find.script.messages for find in found) == 1
    assert isinstance(events[-1], Ended)
    with pytest.raises(ParityError, match="can't be exported"):
        list(search([target], [], Plan("reference", 0, Budget(12), None, tmp_path)))
