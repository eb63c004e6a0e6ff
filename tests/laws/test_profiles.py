"""The oracle against the laws: `ideal` keeps them all, and what the reference breaks is found by the search alone."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings

from harness.adapters.player import DirectPlayer
from harness.assets import chosen, read_pins
from harness.fuzz import Budget, Find, Setting, hunt, judge_of, verdict_of
from harness.model import DetokenizeRequest
from harness.oracle import IdealDetokenizer, ReferenceDetokenizer
from harness.script import Abort, Feed
from harness.strategies import scripts
from harness.strategies.draw import draw_tokens
from harness.subject import Subject
from impls.reference import OracleBackend
from tests.conftest import ROOT

NAMES = chosen((), read_pins(ROOT / "corpora"))


def _ideal(setting: Setting) -> Callable[[pathlib.Path], OracleBackend]:
    return lambda _: OracleBackend(setting.codec, IdealDetokenizer(setting.codec, setting.vocabulary))


def _reference(setting: Setting) -> Callable[[pathlib.Path], OracleBackend]:
    return lambda _: OracleBackend(setting.codec, ReferenceDetokenizer(setting.codec))


@cache
def _defects(setting: Callable[[str], Setting], name: str) -> dict[tuple[str, str], Find]:
    """What the search finds wrong with the reference as it is."""
    ground = setting(name)
    judge = judge_of(_reference(ground), ground, "laws")
    events = hunt(judge, ground, budget=Budget(1000), enough=lambda _: False)
    return {event.signature: event for event in events if isinstance(event, Find)}


@pytest.mark.parametrize("name", NAMES)
def test_ideal_keeps_every_law(name: str, setting: Callable[[str], Setting]) -> None:
    ground = setting(name)
    judge = judge_of(_ideal(ground), ground, "laws")
    events = list(hunt(judge, ground, seed=1, budget=Budget(700)))
    assert [event for event in events if isinstance(event, Find)] == []
    assert judge.asked > 10_000


@pytest.mark.parametrize("name", ["straddle", "llama2"])
def test_ideal_keeps_every_law_under_hypothesis(name: str, setting: Callable[[str], Setting]) -> None:
    ground = setting(name)
    subject, verdict = Subject(DirectPlayer(_ideal(ground), ground.folder)), verdict_of(ground, "laws")

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(scripts(ground.material))
    def check(script: object) -> None:
        assert verdict(subject, script) == []  # type: ignore[arg-type]

    check()


@pytest.mark.parametrize(
    ("name", "signature", "messages"),
    [
        ("qwen2.5", ("append-only", "doubled"), 4),
        ("qwen2.5", ("prompt", "lost"), 1),
        ("qwen2.5", ("prompt", "late"), 10),
        ("llama2", ("append-only", "replaced"), 2),
        ("qwen2.5", ("independent", "crossed"), 2),
        ("qwen2.5", ("answers", "error KeyError"), 2),
        ("qwen2.5", ("answers", "error OverflowError"), 2),
        ("qwen2.5", ("forgets", "crossed"), 3),
    ],
    ids=[
        "text sent twice",
        "text lost at the finish",
        "text held back without bound",
        "the decoder's rewrite not seen",
        "one uid twice in a batch",
        "one uid twice in a batch, the first time finished",
        "an id that is none poisons its stream",
        "state kept over an abort",
    ],
)
def test_the_search_finds_what_is_wrong_with_the_reference(
    name: str, signature: tuple[str, str], messages: int, setting: Callable[[str], Setting]
) -> None:
    find = _defects(setting, name)[signature]
    assert find.repeats
    assert find.script.messages <= messages


def test_state_kept_over_an_abort_is_shown_by_an_abort_and_the_same_uid(setting: Callable[[str], Setting]) -> None:
    begun, aborted, again = _defects(setting, "qwen2.5")["forgets", "crossed"].script.steps
    assert isinstance(begun, Feed)
    assert isinstance(aborted, Abort)
    assert isinstance(again, Feed)
    assert begun.requests[0].uid == aborted.uid == again.requests[0].uid


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_where_tokens_are_whole_characters_the_reference_breaks_few_laws(
    name: str, setting: Callable[[str], Setting]
) -> None:
    assert {law for law, _ in _defects(setting, name)} == {"answers", "forgets", "independent"}


@pytest.mark.parametrize("name", NAMES)
def test_ideal_says_what_the_ids_decode_to_however_they_are_cut(name: str, setting: Callable[[str], Setting]) -> None:
    ground = setting(name)
    stream = IdealDetokenizer(ground.codec, ground.vocabulary)
    for number in range(1500):
        ids = draw_tokens(random.Random(number), ground.material)
        last = len(ids) - 1
        chunks = [stream.detokenize([DetokenizeRequest(0, token, at == last)])[0] for at, token in enumerate(ids)]
        kept = ids[:-1] if ids and ids[-1] == ground.codec.eos_id else ids
        assert "".join(chunks) == (ground.codec.decode_batch([kept])[0] if kept else ""), ids


@pytest.mark.parametrize(
    ("name", "parts", "chunks"),
    [
        ("straddle", [b"a", b"\xe4", b"\xb8", b"\xad"], ["a", "", "", "中"]),
        ("straddle", [b"\xe4", b"a", b"\xe4"], ["", "\ufffda", "\ufffd"]),
        ("straddle", [b"\xed", b"\xa0", b"a"], ["", "\ufffd\ufffd", "a"]),
        ("straddle", [b"\xff", b"a"], ["\ufffd", "a"]),
        ("llama2", [b"\xff", b"a", b"\xc3"], ["\ufffd", "\ufffd", "\ufffd"]),
        ("llama2", [b"\xc3", b"\xa9", b"\xe4", b"a"], ["", "", "", "\ufffd\ufffd\ufffd\ufffd"]),
        ("llama2", [b"\xc3", b"\xa9", "▁a", b"\xff"], ["", "", "é a", "\ufffd"]),
        ("llama2", ["▁a", "▁a", b"\xe4"], ["a", " a", "\ufffd"]),
        ("bert", ["a", "##b", "a"], ["a", "b", " a"]),
    ],
)
def test_ideal_sends_what_is_settled_at_once_and_the_rest_at_the_finish(
    name: str, parts: list[bytes | str], chunks: list[str], setting: Callable[[str], Setting]
) -> None:
    ground = setting(name)
    pieces = {piece: token for token, piece in ground.vocabulary.pieces.items()}
    by_bytes = ground.vocabulary.id_by_bytes
    ids = [pieces[part] if isinstance(part, str) else by_bytes[part] for part in parts]
    stream = IdealDetokenizer(ground.codec, ground.vocabulary)
    last = len(ids) - 1
    assert [stream.detokenize([DetokenizeRequest(0, token, at == last)])[0] for at, token in enumerate(ids)] == chunks
