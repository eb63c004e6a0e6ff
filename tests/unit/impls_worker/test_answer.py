"""What the worker makes of the messages that it holds together."""

from __future__ import annotations

import msgspec
import pytest

from harness.wire import AbortMsg, DetokenizeMsg, Request, TokenizeMsg
from impls.worker.answer import Answerer
from tests.unit.impls_worker.recorder import PANICS, Recorder, short


class Answered:
    """What a worker with a `Recorder` makes of requests that it holds together."""

    def __init__(self, *requests: Request) -> None:
        self.log: list[str] = []
        recorder = Recorder()
        answers = Answerer(recorder, self.log.append).answer(requests)
        self.calls = recorder.calls
        self.frontend = [short(frame) for frame in answers.frontend]
        self.backend = [short(frame) for frame in answers.backend]


def detokenize(*rows: tuple[int, int]) -> list[DetokenizeMsg]:
    return [DetokenizeMsg(uid, token, False) for uid, token in rows]


def tokenize(uid: int, text: str) -> TokenizeMsg:
    return TokenizeMsg(uid, text, msgspec.Raw(b"\x80"))


def test_each_kind_is_answered_together() -> None:
    a, b = detokenize((1, 97), (2, 98))
    answered = Answered(AbortMsg(8), tokenize(5, "ab"), a, AbortMsg(9), tokenize(6, "abc"), b)
    assert answered.frontend == [[(1, "1"), (2, "1")]]
    assert answered.backend == [[(5, [2]), (6, [3])], [8, 9]]
    assert [(1, 97), (2, 98)] in answered.calls
    assert ["ab", "abc"] in answered.calls


def test_a_uid_again_starts_a_call_of_its_own() -> None:
    answered = Answered(*detokenize((1, 97), (2, 97), (1, 98), (3, 97), (1, 99)))
    assert answered.calls == [[(1, 97), (2, 97)], [(1, 98), (3, 97)], [(1, 99)]]
    assert answered.frontend == [[(1, "1"), (2, "1"), (1, "2"), (3, "1"), (1, "3")]]


def test_a_uid_again_after_its_finish_is_a_new_stream() -> None:
    answered = Answered(DetokenizeMsg(1, 97, True), DetokenizeMsg(1, 98, False), DetokenizeMsg(1, 99, False))
    assert answered.frontend == [[(1, "1"), (1, "1"), (1, "2")]]


def test_an_abort_takes_effect_where_it_came() -> None:
    a, b, other = detokenize((1, 97), (1, 98), (2, 97))
    after = Answered(a, other, AbortMsg(1))
    assert after.calls == [[(1, 97), (2, 97)], 1]
    before = Answered(a, AbortMsg(1), b)
    assert before.calls == [[(1, 97)], 1, [(1, 98)]]
    assert before.frontend == [[(1, "1"), (1, "1")]]
    assert before.backend == [1]
    # One of another stream cuts nothing.
    assert Answered(a, AbortMsg(7), other).calls == [7, [(1, 97), (2, 97)]]


def test_an_abort_is_not_sent_behind_a_new_request_of_its_uid() -> None:
    answered = Answered(tokenize(1, "a"), AbortMsg(1), tokenize(1, "ab"), AbortMsg(2), tokenize(3, "abc"))
    assert answered.backend == [(1, [1]), 1, [(1, [2]), (3, [3])], 2]


def test_only_the_token_that_is_refused_is_lost() -> None:
    answered = Answered(*detokenize((1, 97), (2, 33), (3, 97), (1, 98)))
    # Nothing is fed twice: both streams are as far as they should be.
    assert answered.frontend == [[(1, "1"), (3, "1"), (1, "2")]]
    assert answered.log == ["DetokenizeMsg of uid 2 not answered: ValueError: no such token"]


def test_only_the_prompt_that_is_refused_is_lost() -> None:
    answered = Answered(*[tokenize(uid, text) for uid, text in enumerate(["a", "!", "large", "none", "ab"])])
    assert answered.backend == [[(0, [1]), (4, [2])]]
    assert [line.partition(":")[0] for line in answered.log] == [
        f"TokenizeMsg of uid {uid} not answered" for uid in (1, 2, 3)
    ]
    assert "\n" not in "".join(answered.log)


def test_chunks_that_are_too_few_are_nobodys() -> None:
    answered = Answered(*detokenize((1, 97), (2, 35)), AbortMsg(9))
    assert (answered.frontend, answered.backend) == ([], [9])
    assert len(answered.log) == 2


def test_a_chunk_that_is_no_unicode_is_lost() -> None:
    answered = Answered(*detokenize((1, 97), (2, 34), (3, 97)))
    assert answered.frontend == [[(1, "1"), (3, "1")]]
    assert "uid 2" in answered.log[0]


def test_an_abort_that_fails_is_still_passed_on() -> None:
    answered = Answered(AbortMsg(33))
    assert answered.backend == [33]
    assert answered.log


def test_a_panic_costs_its_call_and_not_the_worker() -> None:
    answered = Answered(*detokenize((1, 97), (2, PANICS)), *detokenize((1, 98)))
    # Both streams may be half-fed: they are given up, and nothing is fed a second time.
    assert answered.calls == [[(1, 97), (2, PANICS)], 1, 2, [(1, 98)]]
    assert answered.frontend == [(1, "1")]
    assert answered.log == [f"DetokenizeMsg of uid {uid} not answered: Panic: in Rust" for uid in (1, 2)]


def test_a_panic_over_a_prompt_costs_that_prompt() -> None:
    answered = Answered(tokenize(1, "a"), tokenize(2, "panic"), tokenize(3, "b"))
    assert answered.backend == [[(1, [1]), (3, [1])]]
    assert answered.log == ["TokenizeMsg of uid 2 not answered: Panic: in Rust"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_is_to_end_the_worker_ends_it(stop: type[BaseException]) -> None:
    class Stopping(Recorder):
        def tokenize(self, requests: object) -> list[list[int]]:
            raise stop

    log: list[str] = []
    with pytest.raises(stop):
        Answerer(Stopping(), log.append).answer([tokenize(1, "a")])
