"""Each law on trials written by hand: the least that keeps it, and the least that breaks it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

import pytest

from harness.fuzz import Setting
from harness.laws import LAWS, Fault, FullDecoder, Trial, Violation
from harness.laws.texts import HOLD
from harness.model import DetokenizeRequest, Kind, TokenizeRequest
from harness.script import Abort, Encode, Feed, Raised, Script, Step, alone, streams_of

Message = tuple[int, int | str, bool, str]


@pytest.fixture(scope="module")
def ground(setting: Callable[[str], Setting]) -> Setting:
    return setting("straddle")


def _ids(ground: Setting, tokens: Sequence[int | str]) -> list[int]:
    """Ids as they are; a text stands for its token, `</s>` for EOS, two hexadecimal digits for a byte."""
    by_bytes = ground.vocabulary.id_by_bytes
    found = []
    for token in tokens:
        if isinstance(token, int):
            found.append(token)
        elif token == "</s>":
            found.append(ground.codec.eos_id)
        elif len(token) == 2:
            found.append(by_bytes[bytes.fromhex(token)])
        else:
            found.append(by_bytes[token.encode()])
    return found


def _trial(ground: Setting, *batches: Sequence[Message] | int, **others: object) -> Trial:
    """A trial of batches of (uid, token, finished, chunk), and of aborts of uids."""
    steps: list[Step] = []
    answers: list[object] = []
    for batch in batches:
        if isinstance(batch, int):
            steps.append(Abort(batch))
            answers.append(None)
            continue
        ids = _ids(ground, [token for _, token, _, _ in batch])
        requests = [DetokenizeRequest(m[0], token, m[2]) for m, token in zip(batch, ids, strict=True)]
        steps.append(Feed(tuple(requests)))
        answers.append([chunk for _, _, _, chunk in batch])
    script = Script(tuple(steps))
    return Trial(script, answers, streams_of(script, answers), **others)  # type: ignore[arg-type]


def _judge(law: str, trial: Trial, ground: Setting) -> tuple[Kind, int, int] | None:
    violation = LAWS[law](trial, ground.decoder)
    if violation is None:
        return None
    assert isinstance(violation, Violation)
    assert violation.law == law
    return violation.kind, violation.step, violation.slot


KEPT: Sequence[Sequence[Sequence[Message] | int]] = [
    [[(0, "a", False, "a")], [(0, "</s>", True, "")]],
    [[(0, "</s>", False, "<|end|>")], [(0, "a", True, "a")]],
    [[(0, "e4", False, "")], [(0, "b8", False, "")], [(0, "ad", True, "中")]],
    [[(0, "e4", False, "")], [(0, "b8", True, "\ufffd")]],
    [[(0, "e4", False, ""), (1, "b", False, "b")], 0, [(0, "a", True, "a"), (1, "b", True, "b")]],
    [[(0, "a", False, ""), (0, "b", False, "ab")]],
    [[(0, 2**32 - 1, True, "")]],
    [[(0, "a", False, "")]] + [[(0, "a", False, "")]] * (HOLD - 1) + [[(0, "a", False, "a" * (HOLD + 1))]],
]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("at", range(len(KEPT)))
def test_what_is_right_keeps_every_law(law: str, at: int, ground: Setting) -> None:
    assert _judge(law, _trial(ground, *KEPT[at]), ground) is None


@pytest.mark.parametrize(
    ("law", "kind", "place", "batches"),
    [
        ("complete", Kind.LOST, (1, 0), [[(0, "a", False, "a")], [(0, "b", True, "")]]),
        ("complete", Kind.LOST, (1, 0), [[(0, "a", False, "")], [(0, "b", True, "b")]]),
        ("complete", Kind.REPLACED, (0, 0), [[(0, "a", False, "b")]]),
        ("complete", Kind.REPLACED, (0, 1), [[(1, "a", False, "a"), (0, "a", False, "ab")]]),
        ("append-only", Kind.DOUBLED, (1, 0), [[(0, "a", False, "a")], [(0, "b", False, "ab")]]),
        ("append-only", Kind.DOUBLED, (1, 0), [[(0, "a", False, "a")], [(0, "</s>", True, "a")]]),
        # Whatever else it has, what was sent before was.
        ("append-only", Kind.DOUBLED, (2, 0),
         [[(0, "ff", False, "\ufffd")], [(0, "a", False, "a")], [(0, "b", False, "\ufffdab")]]),
        ("no-replacement", Kind.REPLACED, (0, 0), [[(0, "c3", False, "\ufffd")], [(0, "a9", False, "")]]),
        ("no-replacement", Kind.REPLACED, (1, 0), [[(0, "a", False, "a")], [(0, "b", True, "\ufffd")]]),
        ("eos", Kind.EARLY, (1, 0), [[(0, "a", False, "a")], [(0, "</s>", True, "<|end|>")]]),
        ("eos", Kind.LOST, (0, 0), [[(0, "</s>", False, "")], [(0, "a", True, "a")]]),
        ("prompt", Kind.LOST, (1, 0), [[(0, "a", False, "a")], [(0, "e4", True, "")]]),
        ("prompt", Kind.LOST, (0, 0), [[(0, "a", True, "")]]),
        ("prompt", Kind.LATE, (HOLD, 0), [[(0, "a", False, "")]] * (HOLD + 1)),
        ("prompt", Kind.LATE, (HOLD + 1, 0), [[(0, "e4", False, "")]] * (HOLD + 2)),
        ("prompt", Kind.LATE, (2 * HOLD + 1, 0),
         [[(0, "a", False, "a")]] * (HOLD + 1) + [[(0, "a", False, "")]] * (HOLD + 3)),
    ],
)  # fmt: skip
def test_what_breaks_a_law(
    law: str, kind: Kind, place: tuple[int, int], batches: list[list[Message]], ground: Setting
) -> None:
    assert _judge(law, _trial(ground, *batches), ground) == (kind, *place)


@pytest.mark.parametrize(
    ("law", "batches"),
    [
        # What is only late is neither lost nor doubled.
        ("complete", [[(0, "a", False, "")], [(0, "b", True, "ab")]]),
        ("append-only", [[(0, "a", False, "")], [(0, "b", True, "ab")]]),
        # What is lost wasn't sent twice, and no U+FFFD was sent for it.
        ("append-only", [[(0, "a", False, "")], [(0, "b", True, "b")]]),
        ("no-replacement", [[(0, "a", False, "")], [(0, "b", True, "b")]]),
        # A U+FFFD too early isn't sent twice because there was one before.
        (
            "append-only",
            [
                [(0, "ff", False, "\ufffd")],
                [(0, "e4", False, "\ufffd")],
                [(0, "b8", False, "")],
                [(0, "ad", True, "中")],
            ],
        ),
        # Text that says it twice may be sent twice.
        ("append-only", [[(0, "a", False, "a")], [(0, "a", True, "a")]]),
        # EOS sent twice is for `append-only`, EOS not yet sent is for no law.
        ("eos", [[(0, "</s>", False, "<|end|><|end|>")]]),
        ("eos", [[(0, "</s>", False, "")]]),
        # A character that isn't complete may be held as long as it isn't.
        ("prompt", [[(0, "a", False, "a")]] * 20 + [[(0, "e4", False, "")]]),
    ],
)
def test_what_a_law_leaves_to_others(law: str, batches: list[list[Message]], ground: Setting) -> None:
    assert _judge(law, _trial(ground, *batches), ground) is None


def test_what_the_decoder_rewrites_was_taken_back(setting: Callable[[str], Setting]) -> None:
    ground = setting("llama2")
    feeds = [[(0, 198, False, "")], [(0, 172, False, "é")], [(0, 231, False, "")], [(0, 29874, False, "��a")]]
    trial = _trial(ground, *feeds)
    assert _judge("append-only", trial, ground) == (Kind.REPLACED, 1, 0)
    held = [[(0, 198, False, "")], [(0, 172, False, "")], [(0, 231, False, "���")], [(0, 29874, False, "a")]]
    assert ground.decoder.decode([198, 172, 231, 29874]) == "���a"
    assert _judge("append-only", _trial(ground, *held), ground) is None


def test_answers(ground: Setting) -> None:
    trial = _trial(ground, [(5, "a", False, "a")], [(6, "a", False, "a"), (7, "a", False, "a")])
    broken = Trial(trial.script, trial.answers[:1], trial.streams[:1], Fault(1, 1, "KeyError: 7"))
    violation = LAWS["answers"](broken, ground.decoder)
    assert violation is not None
    assert (violation.kind, violation.step, violation.slot, violation.uid) == (Kind.ERROR, 1, 1, 7)
    assert (violation.expected, violation.got) == ("2 answers", "KeyError: 7")


def test_independent_and_forgets_tell_why_a_stream_is_answered_otherwise(ground: Setting) -> None:
    batches = [[(0, "a", True, "a")], [(0, "b", False, "b"), (1, "b", False, "bb")]]
    plain = _trial(ground, *batches, apart=[["a"], ["b"], ["b"]])
    assert _judge("independent", plain, ground) == (Kind.CROSSED, 1, 1)
    assert _judge("forgets", plain, ground) is None
    reused = _trial(ground, *batches, apart=[["a"], ["x"], ["bb"]], fresh=[["a"], ["x"], ["bb"]])
    assert _judge("forgets", reused, ground) == (Kind.CROSSED, 1, 0)
    assert _judge("independent", reused, ground) is None
    crossed = _trial(ground, *batches, apart=[["a"], ["x"], ["bb"]], fresh=[["a"], ["b"], ["bb"]])
    assert _judge("forgets", crossed, ground) is None
    assert _judge("independent", crossed, ground) == (Kind.CROSSED, 1, 0)
    failed = _trial(ground, [(0, "a", False, "a")], apart=[Raised("KeyError: 0")])
    assert _judge("independent", failed, ground) == (Kind.ERROR, 0, 0)


def test_batch_encode(ground: Setting) -> None:
    script = Script((Encode((TokenizeRequest(0, "a"), TokenizeRequest(1, "b"))),))
    right = Trial(script, [[[1], [2]]], [], one_by_one={(0, 0): [1], (0, 1): [2]})
    assert _judge("batch-encode", right, ground) is None
    for ids in ([2, 0], [3], []):
        wrong = Trial(script, [[[1], ids]], [], one_by_one={(0, 0): [1], (0, 1): [2]})
        assert _judge("batch-encode", wrong, ground) == (Kind.IDS_DIFFER, 0, 1)


@pytest.mark.parametrize(
    ("name", "parts", "settled"),
    [
        ("straddle", [b"a", b"\xe4"], "a"),
        ("straddle", [b"a", b"\xe4", b"\xb8"], "a"),
        ("straddle", [b"\xf0", b"\x9f", b"\x98"], ""),
        ("straddle", [b"\xe4", b"\xe4"], "\ufffd"),
        ("straddle", [b"\xed", b"\xa0"], "\ufffd\ufffd"),
        ("straddle", [b"\xff"], "\ufffd"),
        ("straddle", [b"\xef", b"\xbf", b"\xbd"], "\ufffd"),
        ("llama2", [b"\xe4"], ""),
        ("llama2", [b"\xc3", b"\xa9"], ""),
        ("llama2", [b"\xc3", b"\xa9", "▁a"], "é a"),
        ("llama2", ["▁a", b"\xff"], "a"),
        # An id without a piece ends no run.
        ("llama2", ["▁a", b"\xe4", 2**31], "a"),
    ],
)
def test_settled(name: str, parts: list[bytes | str | int], settled: str, setting: Callable[[str], Setting]) -> None:
    ground = setting(name)
    pieces = {piece: token for token, piece in ground.vocabulary.pieces.items()}
    by_bytes = ground.vocabulary.id_by_bytes
    ids = [pieces[p] if isinstance(p, str) else p if isinstance(p, int) else by_bytes[p] for p in parts]
    assert ground.decoder.settled(ids) == settled


def test_laws_and_oracle_do_not_know_each_other() -> None:
    harness = pathlib.Path(__file__).resolve().parents[2] / "harness"
    for folder, other in (("laws", "oracle"), ("oracle", "laws")):
        for path in (harness / folder).glob("*.py"):
            assert f"harness.{other}" not in path.read_text(encoding="utf-8"), path


def test_a_full_decode_leaves_out_what_is_no_id(ground: Setting) -> None:
    decoder = FullDecoder(ground.codec, ground.vocabulary)
    assert decoder.decode([*_ids(ground, ["a"]), -1, 2**32, *_ids(ground, ["b"])]) == "ab"
    assert decoder.decode([]) == ""


def test_alone_is_one_message_a_call(ground: Setting) -> None:
    trial = _trial(ground, [(3, "a", False, "a"), (4, "b", True, "b")], [(3, "b", True, "b")])
    first = trial.streams[0]
    assert [len(step.requests) for step in alone(first).steps if isinstance(step, Feed)] == [1, 1]
