from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from harness.fuzz import Setting, script_number
from harness.script import Abort, Encode, Feed, Script, is_hostile, split_repeats, streams_of
from harness.strategies import draw_script
from harness.strategies.prompts import draw_prompts

ALL = frozenset({"tokenize", "detokenize", "abort"})


def _scripts(ground: Setting, capabilities: frozenset[str] = ALL, count: int = 2000) -> list[Script]:
    return [script_number(0, number, ground.material, capabilities) for number in range(count)]


def test_a_number_stands_for_the_same_script_always(setting: Callable[[str], Setting]) -> None:
    ground = setting("straddle")
    assert _scripts(ground, count=50) == _scripts(ground, count=50)
    assert script_number(1, 0, ground.material, ALL) != script_number(0, 0, ground.material, ALL)


@pytest.mark.parametrize("name", ["straddle", "llama2", "bert"])
def test_everything_that_can_be_asked_is_asked_often(name: str, setting: Callable[[str], Setting]) -> None:
    ground = setting(name)
    seen: Counter[str] = Counter()
    size = ground.vocabulary.size
    for script in _scripts(ground):
        feeds = [step for step in script.steps if isinstance(step, Feed)]
        tokens = [request for step in feeds for request in step.requests]
        answers = [[""] * len(step.requests) if isinstance(step, Feed) else None for step in script.steps]
        streams = streams_of(script, answers)
        seen["abort"] += any(isinstance(step, Abort) for step in script.steps)
        seen["prompts"] += any(isinstance(step, Encode) and len(step.requests) > 1 for step in script.steps)
        seen["hostile"] += any(map(is_hostile, script.steps))
        seen["a uid twice in a batch"] += any(len(split_repeats(step)) > 1 for step in feeds)
        seen["a uid used again"] += any(stream.reused for stream in streams)
        seen["a stream left open"] += any(not stream.finished and not stream.aborted for stream in streams)
        seen["a crowd"] += any(len(step.requests) >= 16 for step in feeds)
        seen["one stream alone"] += len(streams) == 1
        seen["a long stream"] += any(len(stream.messages) > 30 for stream in streams)
        seen["EOS that ends nothing"] += any(r.next_token == ground.codec.eos_id and not r.finished for r in tokens)
        seen["outside the vocabulary"] += any(size <= r.next_token < 2**32 for r in tokens)
        seen["equal in 16 bits"] += len({r.uid for r in tokens}) > len({r.uid % 2**16 for r in tokens})
    assert {what: count for what, count in seen.items() if count < 20} == {}
    assert len(seen) == 12


def test_half_of_what_is_fed_is_parts_of_characters(setting: Callable[[str], Setting]) -> None:
    ground = setting("qwen2.5")
    tokens = [
        request.next_token
        for script in _scripts(ground, count=500)
        for step in script.steps
        if isinstance(step, Feed)
        for request in step.requests
    ]
    share = sum(token in ground.vocabulary.partial_set for token in tokens) / len(tokens)
    assert 0.35 < share < 0.75


def test_only_what_is_offered_is_asked(setting: Callable[[str], Setting]) -> None:
    ground = setting("straddle")
    kinds = {
        capabilities: {type(step) for script in _scripts(ground, capabilities, 400) for step in script.steps}
        for capabilities in (ALL, frozenset({"detokenize"}), frozenset({"tokenize"}))
    }
    assert kinds == {ALL: {Feed, Encode, Abort}, frozenset({"detokenize"}): {Feed}, frozenset({"tokenize"}): {Encode}}


def test_no_script_is_empty(setting: Callable[[str], Setting]) -> None:
    ground = setting("bert")
    chance = random.Random(3)
    assert all(draw_script(chance, ground.material, ALL).messages for _ in range(500))


def test_what_is_rare_and_large_is_drawn_too(setting: Callable[[str], Setting]) -> None:
    ground = setting("straddle")
    seen: Counter[str] = Counter()
    for script in _scripts(ground, count=3000):
        feeds = [step for step in script.steps if isinstance(step, Feed)]
        per_uid = Counter(request.uid for step in feeds for request in step.requests)
        seen["over 512 in a batch"] += any(len(step.requests) > 512 for step in feeds)
        seen["over 2,048 tokens"] += max(per_uid.values(), default=0) > 2048
        prompts = [r.prompt for step in script.steps if isinstance(step, Encode) for r in step.requests]
        texts = [prompt for prompt in prompts if isinstance(prompt, str)]
        seen["a prompt over 8,192 characters"] += any(len(text) > 8192 for text in texts)
        seen["white space at an end"] += any(text != text.strip() for text in texts)
        seen["an escape"] += any("\\n" in text for text in texts)
        seen["a prompt twice"] += len(set(texts)) < len(texts)
        seen["prompts that differ in case"] += len({text.lower() for text in texts}) < len(set(texts))
    assert {what: count for what, count in seen.items() if not count} == {}
    assert len(seen) == 7


def test_each_character_is_left_uncommitted_in_tokens_that_spell_it(setting: Callable[[str], Setting]) -> None:
    ground = setting("straddle")
    assert len(ground.material.held) > 100
    for ways in ground.material.held:
        for tokens in ways:
            text = b"".join(ground.vocabulary.bytes_by_id[token] for token in tokens).decode("utf-8", "replace")
            assert text[0] != "\ufffd" == text[-1], tokens


def test_a_changed_conversation_is_one_that_the_template_takes(setting: Callable[[str], Setting]) -> None:
    ground = setting("qwen2.5")
    chance = random.Random(5)
    drawn = [prompt for _ in range(400) for prompt in draw_prompts(chance, ground.material, 2)]
    talks = [prompt for prompt in drawn if not isinstance(prompt, str)]
    assert len(talks) > 40
    assert sum(talk not in ground.material.prompts for talk in talks) > 20
    assert all(ground.codec.renders([dict(turn) for turn in talk]) for talk in talks)
