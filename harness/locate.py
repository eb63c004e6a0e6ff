"""A find, explained: each message of the smallest script with what it is, what was due, and what the oracle held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.model import DetokenizeRequest, Prompt, TokenView
from harness.oracle import IdealDetokenizer, ReferenceDetokenizer
from harness.script import ID_LIMIT, Abort, Answer, Encode, Feed, Raised, Script, split_repeats
from harness.tokenizer import Codec, Vocabulary


@dataclass(frozen=True, slots=True)
class Line:
    """One request or abort: `reference`, `ideal` and `got` are its answers, None where there is none.

    `state` is the reference's after it: the ids that it would decode next, and how much of their text was sent.
    """

    step: int
    slot: int
    what: str
    uid: int
    token: TokenView | None
    prompt: Prompt | None
    reference: object
    ideal: object
    got: object
    state: str


def explain(script: Script, answers: Sequence[Answer], codec: Codec, vocabulary: Vocabulary) -> list[Line]:
    """Every message of a script, beside what both profiles of the oracle answer.

    A uid that stands twice in a batch is answered as if the batch were cut before its second place.
    """
    reference, ideal = ReferenceDetokenizer(codec), IdealDetokenizer(codec, vocabulary)
    lines: list[Line] = []
    for at, step in enumerate(script.steps):
        answer = answers[at] if at < len(answers) else None
        if isinstance(step, Abort):
            reference.abort(step.uid)
            ideal.abort(step.uid)
            lines.append(Line(at, 0, "abort", step.uid, None, None, None, None, None, ""))
        elif isinstance(step, Encode):
            for slot, request in enumerate(step.requests):
                ids = codec.encode(request.prompt)
                got = _at(answer, slot)
                lines.append(Line(at, slot, "encode", request.uid, None, request.prompt, ids, ids, got, ""))
        else:
            lines += _fed(at, step, answer, (reference, ideal), vocabulary)
    return lines


def _fed(
    at: int,
    step: Feed,
    answer: Answer,
    profiles: tuple[ReferenceDetokenizer, IdealDetokenizer],
    vocabulary: Vocabulary,
) -> Iterator[Line]:
    reference, ideal = profiles
    slot = 0
    for piece in split_repeats(step):
        usable = [request for request in piece.requests if 0 <= request.next_token < ID_LIMIT]
        expected = iter(zip(reference.detokenize(usable), ideal.detokenize(usable), strict=True))
        for request in piece.requests:
            right: tuple[object, object] = next(expected) if request in usable else (None, None)
            what = "finish" if request.finished else "feed"
            view = vocabulary.view(request.next_token)
            got, state = _at(answer, slot), _state(reference, request)
            yield Line(at, slot, what, request.uid, view, None, *right, got, state)
            slot += 1


def _state(reference: ReferenceDetokenizer, request: DetokenizeRequest) -> str:
    held = reference.held(request.uid)
    if held is None:
        return "forgotten"
    prefix, window, sent = held
    return f"window {window}, of it committed {prefix}, sent {sent:+d}"


def _at(answer: Answer, slot: int) -> object:
    if isinstance(answer, Raised):
        return answer
    return answer[slot] if isinstance(answer, list) and slot < len(answer) else None
