from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.adapters.player import DirectPlayer
from harness.laws import Fault
from harness.model import DetokenizeRequest, TokenizeRequest
from harness.script import Abort, Encode, Feed, Raised, Script
from harness.subject import Subject


class Recorder:
    """Writes down what it is asked, and answers each request with its uid's place in the call."""

    def __init__(self, broken_abort: bool = False) -> None:
        self.asked: list[object] = []
        self.broken_abort = broken_abort

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        self.asked.append([(request.uid, request.next_token) for request in requests])
        return [str(slot) for slot in range(len(requests))]

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        self.asked.append([request.prompt for request in requests])
        return [[len(requests)] for _ in requests]

    def abort(self, uid: int) -> None:
        self.asked.append(uid)
        if self.broken_abort:
            raise KeyError(uid)

    def close(self) -> None:
        pass


def _subject(backend: object, *, moves: bool = True) -> Subject:
    return Subject(DirectPlayer(lambda folder: backend, pathlib.Path()), moves=moves)  # type: ignore[arg-type, return-value]


def _feed(*messages: tuple[int, bool]) -> Feed:
    return Feed(tuple(DetokenizeRequest(uid, 5, finished) for uid, finished in messages))


OPEN = Script((_feed((1, False), (2**32 + 1, False), (3, True)), _feed((4, False)), Abort(4)))


def test_what_a_script_leaves_open_is_aborted_and_no_answer_is_added() -> None:
    backend = Recorder()
    answers, fault = _subject(backend, moves=False).ask(OPEN)
    assert (answers, fault) == ([["0", "1", "2"], ["0"], None], None)
    assert backend.asked[2:] == [4, 1, 2**32 + 1]


def test_scripts_do_not_meet_but_what_collides_still_does() -> None:
    backend = Recorder()
    subject = _subject(backend)
    for _ in range(3):
        subject.ask(OPEN)
    calls = [call for call in backend.asked if isinstance(call, list) and len(call) == 3]
    uids = [[uid for uid, _ in call] for call in calls]
    assert len({uid % 2**16 for row in uids for uid in row[::2]}) == 6
    assert {row[1] - row[0] for row in uids} == {2**32}
    assert subject.asked == 3 * OPEN.messages


def test_an_abort_that_fails_at_the_end_is_a_fault_of_the_last_step() -> None:
    script = Script((_feed((1, False)), _feed((1, False))))
    answers, fault = _subject(Recorder(broken_abort=True), moves=False).ask(script)
    assert answers == [["0"]]
    assert fault == Fault(1, 0, "KeyError: 1, on the abort of what it leaves open")


def test_a_trial_asks_each_stream_and_each_prompt_alone() -> None:
    backend = Recorder()
    script = Script(
        (_feed((0, False), (1, True)), Encode((TokenizeRequest(0, "a"), TokenizeRequest(1, "b"))), _feed((0, True)))
    )
    trial = _subject(backend, moves=False).trial(script)
    assert trial.apart == [["0", "0"], ["0"]]
    assert trial.one_by_one == {(1, 0): [1], (1, 1): [1]}
    assert backend.asked[3:] == [[(0, 5)], [(0, 5)], [(1, 5)], ["a"], ["b"]]


def test_a_stream_that_is_alone_is_not_asked_again() -> None:
    backend = Recorder()
    trial = _subject(backend, moves=False).trial(Script((_feed((0, False)), _feed((0, True)))))
    assert trial.apart == [["0", "0"]]
    assert len(backend.asked) == 2


def test_a_refused_call_is_an_answer_only_if_it_may_be_refused() -> None:
    class Refuses(Recorder):
        def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
            raise ValueError("no")

    hostile = Script((Feed((DetokenizeRequest(0, -1, False),)),))
    assert _subject(Refuses()).ask(hostile) == ([Raised("ValueError: no")], None)
    assert _subject(Refuses()).ask(Script((_feed((0, True)),))) == ([], Fault(0, 0, "ValueError: no"))
