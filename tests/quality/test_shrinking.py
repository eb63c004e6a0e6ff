"""How small what is found gets, and that a script is shrunk the same way each time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.fuzz import MOST_EXECUTIONS, Budget, Find, Setting, hunt, judge_of
from harness.model import DetokenizeRequest, TokenizeRequest
from harness.script import Abort, Encode, Feed, Script
from harness.shrink import MOST_MESSAGES, shrink
from tests.laws.broken import BROKEN, factory_of

# The smallest that can show it: one message for a wrong text, two for state that outlives its stream, and so on.
SMALLEST = {
    "RaisesOnSpecials": 1,
    "AnswersBytes": 1,
    "AnswersTooFew": 4,
    "AnswersTooMany": 1,
    "KeepsOverAbort": 3,
    "KeepsOverFinish": 2,
    "MixesUids": 2,
    "ForgetsTheFirst": 2,
    "SwapsSlots": 4,
    "SendsTwice": 3,
    "SendsAllAtOnce": 3,
    "DropsTheTail": 1,
    "HoldsWords": 9,
    "ShowsEos": 1,
    "HidesEos": 2,
    "SkipsSpecials": 2,
    "ClampsIds": 1,
    "StripsSpaces": 2,
    "Pads": 2,
    "SortsPrompts": 2,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("seed", [0, 7])
def test_what_is_found_is_shrunk_to_the_smallest(name: str, seed: int, setting: Callable[[str], Setting]) -> None:
    kind, law = BROKEN[name]
    ground = setting("straddle")
    judge = judge_of(factory_of(kind, ground), ground, "laws")

    def is_it(find: Find) -> bool:
        # Text that is held back too long takes as many messages as are too many, whatever else is wrong.
        return find.signature[0] == law and (find.signature[1] == "late") == (name == "HoldsWords")

    for event in hunt(judge, ground, seed=seed, budget=Budget(2000), enough=is_it):
        if isinstance(event, Find) and is_it(event):
            assert event.script.messages <= SMALLEST[name]
            # It ends because nothing is left to try, well before it has to.
            assert event.executions <= MOST_EXECUTIONS // 2
            return
    pytest.fail("not found")


def _feed(*messages: tuple[int, int, bool]) -> Feed:
    return Feed(tuple(DetokenizeRequest(*message) for message in messages))


BIG = Script(
    (
        _feed((900, 50, False), (7, 51, False), (3, 52, True)),
        Encode((TokenizeRequest(4, "some text to be encoded, with an é in it"), TokenizeRequest(5, "other"))),
        Abort(7),
        _feed((900, 53, False), (7, 54, False)),
        _feed((900, 55, True)),
    )
)


def test_what_isnt_needed_is_dropped() -> None:
    shrunk = shrink(BIG, lambda script: any(isinstance(step, Abort) for step in script.steps), [])
    assert shrunk.script == Script((Abort(0),))
    assert shrunk.complete


def test_tokens_become_simple_and_uids_small() -> None:
    def holds(script: Script) -> bool:
        return sum(isinstance(step, Feed) for step in script.steps) >= 2

    assert shrink(BIG, holds, [9, 8]).script == Script((_feed((0, 9, False)), _feed((0, 9, False))))


def test_a_batch_that_matters_is_kept_and_one_that_doesnt_is_cut() -> None:
    def holds_together(script: Script) -> bool:
        return any(isinstance(step, Feed) and len(step.requests) > 1 for step in script.steps)

    assert shrink(BIG, holds_together, [9]).script == Script((_feed((0, 9, False), (1, 9, False)),))

    def holds_both(script: Script) -> bool:
        batches = [{r.next_token for r in step.requests} for step in script.steps if isinstance(step, Feed)]
        return any({50, 52} <= tokens for tokens in batches)

    three = Script((_feed((0, 50, False), (0, 51, False), (0, 52, False)),))
    assert shrink(three, holds_both, []).script == Script((_feed((0, 50, False), (0, 52, False)),))

    def holds_apart(script: Script) -> bool:
        return script.messages >= 3 and all(isinstance(step, Feed) for step in script.steps)

    feeds = Script(tuple(step for step in BIG.steps if isinstance(step, Feed)))
    assert shrink(feeds, holds_apart, [9]).script == Script((_feed((0, 9, False)),) * 3)
    one = Script((_feed((0, 9, False), (1, 9, False), (0, 9, False)),))
    assert shrink(one, holds_apart, [9]).script == Script((_feed((0, 9, False)),) * 3)


def test_a_prompt_becomes_as_short_and_plain_as_can_be() -> None:
    def holds(script: Script) -> bool:
        return any(isinstance(step, Encode) and any("é" in r.prompt for r in step.requests) for step in script.steps)

    assert shrink(BIG, holds, []).script == Script((Encode((TokenizeRequest(0, "é"),)),))


def test_a_conversation_loses_what_it_can() -> None:
    turns = [{"role": "user", "content": "one two"}, {"role": "assistant", "content": "three"}]
    script = Script((Encode((TokenizeRequest(0, turns),)),))

    def holds(candidate: Script) -> bool:
        step = candidate.steps[0] if candidate.steps else None
        return isinstance(step, Encode) and any("three" in str(request.prompt) for request in step.requests)

    assert shrink(script, holds, []).script == Script((Encode((TokenizeRequest(0, "three"),)),))

    def holds_in_turns(candidate: Script) -> bool:
        return holds(candidate) and "role" in str(candidate)

    smallest = Script((Encode((TokenizeRequest(0, [{"role": "assistant", "content": "three"}]),)),))
    assert shrink(script, holds_in_turns, []).script == smallest


def test_a_long_conversation_takes_few_executions() -> None:
    turns = [{"role": "user", "content": f"{at} " + "some text of no use " * 20} for at in range(12)]
    turns[7]["content"] = turns[7]["content"].replace("no use", "n\u00fc use", 1)
    script = Script((Encode((TokenizeRequest(0, turns),)),))
    shrunk = shrink(script, lambda candidate: "ü" in str(candidate) and "role" in str(candidate), [])
    assert shrunk.script == Script((Encode((TokenizeRequest(0, [{"role": "user", "content": "ü"}]),)),))
    assert shrunk.executions < 60


def test_two_tokens_become_the_one_that_has_the_bytes_of_both() -> None:
    def holds(script: Script) -> bool:
        tokens = [r.next_token for step in script.steps if isinstance(step, Feed) for r in step.requests]
        return tokens == [5, 7] or tokens == [12]

    split = Script((_feed((0, 5, False)), _feed((0, 7, True))))
    assert shrink(split, holds, [], joined=lambda one, other: one + other).script == Script((_feed((0, 12, False)),))


def test_a_long_script_is_shrunk_in_halves_and_within_bounds() -> None:
    steps = [_feed((0, at % 50 + 1, False)) for at in range(8000)]
    steps[5000] = _feed((0, 999, False))
    long = Script(tuple(steps))
    shrunk = shrink(long, lambda script: any(step.requests[0].next_token == 999 for step in script.steps), [])  # type: ignore[union-attr]
    assert shrunk.script == Script((_feed((0, 999, False)),))
    assert shrunk.executions < 60
    asked: list[int] = []
    needed = shrink(long, lambda script: asked.append(script.messages) is None and script.messages > 7990, [])  # type: ignore[func-returns-value]
    assert not needed.complete
    assert needed.script.messages == 7991
    assert sum(asked) < MOST_MESSAGES + 8000


def test_executions_are_bounded() -> None:
    shrunk = shrink(BIG, lambda script: script.messages > 2, [9], most=5)
    assert shrunk.executions == 5
    assert not shrunk.complete


def test_a_script_is_shrunk_the_same_way_each_time() -> None:
    tried: list[list[Script]] = [[], []]
    for run in tried:
        shrink(BIG, lambda script, run=run: run.append(script) is None and script.messages > 3, [9, 8])  # type: ignore[misc]
    assert tried[0] == tried[1]
