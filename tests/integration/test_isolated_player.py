from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest

from harness.adapters.isolated_player import IsolatedPlayer
from harness.adapters.player import DirectPlayer
from harness.errors import TargetError
from harness.fuzz import Budget, Find, Setting, hunt, isolated_judge_of
from harness.laws import Fault
from harness.model import DetokenizeRequest, Kind, TokenizeRequest
from harness.script import Abort, Encode, Feed, Raised, Script
from harness.targets import load_factory

CULPRIT = """
import os
import signal
import time

from impls.python import factory as good


class Backend:
    def __init__(self, folder):
        self.inner = good(folder)
        self.tokenize = self.inner.tokenize
        self.abort = self.inner.abort

    def detokenize(self, requests):
        tokens = [request.next_token for request in requests]
        if KIND in tokens:
            ACT
        return self.inner.detokenize(requests)


def factory(folder):
    return Backend(folder)
"""
CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"
A, B = 97, 98


Make = Callable[..., IsolatedPlayer]


@pytest.fixture
def make(tmp_path: pathlib.Path, tokenizer_dir: Callable[[str], pathlib.Path]) -> Iterator[Make]:
    players: list[IsolatedPlayer] = []

    def player(act: str, **options: float) -> IsolatedPlayer:
        path = tmp_path / f"culprit{len(players)}.py"
        path.write_text(CULPRIT.replace("KIND", str(B)).replace("ACT", act), encoding="utf-8")
        players.append(IsolatedPlayer(f"{path}:factory", tokenizer_dir("straddle"), **options))
        return players[-1]

    yield player
    for one in players:
        one.close()


def _feed(*tokens: int) -> Feed:
    return Feed(tuple(DetokenizeRequest(uid, token, False) for uid, token in enumerate(tokens)))


def test_it_is_answered_as_in_this_process(make: Make, tmp_path: pathlib.Path) -> None:
    player = make("raise KeyError('b')")
    scripts = [
        Script((_feed(A, A), Abort(0), Encode((TokenizeRequest(0, "é"), TokenizeRequest(1, ""))), _feed(-1), _feed(A))),
        Script((_feed(A), _feed(B), _feed(A))),
        Script((_feed(A),)),
    ]
    played = player.play(scripts)
    direct = DirectPlayer(load_factory(player._spec), player._folder)
    assert played == direct.play(scripts)
    assert isinstance(played[0][0][3], Raised)
    assert played[1] == ([["a"]], Fault(1, 0, "KeyError: 'b'"))
    assert player.capabilities == direct.capabilities
    player.renew()
    assert player.play(scripts) == played


def test_a_crash_is_the_fault_of_its_step_alone(make: Make) -> None:
    player = make(CRASH)
    fine, bad = Script((_feed(A),)), Script((_feed(A), _feed(A, B)))
    played = player.play([fine, bad, fine, bad, fine])
    assert [fault and (fault.kind, fault.step, fault.what) for _, fault in played] == [
        None,
        (Kind.CRASH, 1, "killed by SIGSEGV"),
        None,
        (Kind.CRASH, 1, "killed by SIGSEGV"),
        None,
    ]
    assert [answers for answers, fault in played if fault is None] == [[["a"]]] * 3


def test_a_hang_is_cut_off(make: Make) -> None:
    player = make("time.sleep(600)", patience=0.5)
    ((answers, fault),) = player.play([Script((_feed(A), _feed(B)))])
    assert answers == []
    assert fault == Fault(1, 0, "no answer in 0.5 s", Kind.HANG)
    assert player.play([Script((_feed(A),))]) == [([["a"]], None)]


def test_what_cant_be_made_is_said(tmp_path: pathlib.Path, tokenizer_dir: Callable[[str], pathlib.Path]) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def factory(folder):\n    raise OSError('on fire')\n", encoding="utf-8")
    with pytest.raises(TargetError, match="on fire"):
        IsolatedPlayer(f"{path}:factory", tokenizer_dir("straddle"))
    path.write_text("import os\nos._exit(3)\n", encoding="utf-8")
    with pytest.raises(TargetError, match="exited with 3"):
        IsolatedPlayer(f"{path}:factory", tokenizer_dir("straddle"))


def test_the_search_finds_and_shrinks_a_crash(tmp_path: pathlib.Path, setting: Callable[[str], Setting]) -> None:
    path = tmp_path / "culprit.py"
    path.write_text(CULPRIT.replace("KIND", str(B)).replace("ACT", CRASH), encoding="utf-8")
    ground = setting("straddle")
    judge = isolated_judge_of(f"{path}:factory", ground, "reference")
    try:
        (find,) = [event for event in hunt(judge, ground, budget=Budget(100)) if isinstance(event, Find)]
    finally:
        judge.close()
    assert find.signature == ("parity", "crash")
    assert find.repeats
    assert find.script == Script((_feed(B),))
