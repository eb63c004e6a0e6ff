"""The two judges of a script: the reference, chunk by chunk, and the laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.compare import compare_chunks, compare_ids
from harness.laws import FullDecoder, Violation, judge
from harness.model import DetokenizeRequest, Divergence, Event, Program, Prompts
from harness.oracle import ReferenceDetokenizer
from harness.script import (
    ID_LIMIT,
    Abort,
    Answer,
    Encode,
    Raised,
    Script,
    split_repeats,
)
from harness.subject import Subject
from harness.tokenizer import Codec, Vocabulary

PARITY = "parity"
"""Stands where a law's name would, for an answer that isn't the reference's."""


class Judge(Protocol):
    """An implementation on trial, and what it is judged by."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What the implementation can be asked."""
        ...

    @property
    def asked(self) -> int:
        """How many messages it was asked so far."""
        ...

    def judge(self, script: Script) -> list[Violation]:
        """Ask the script; what is wrong with the answers, each kind once."""
        ...

    def answers(self, script: Script) -> list[Answer]:
        """The answers to a script, and instead of the first that is wrong in form, what is wrong with it."""
        ...

    def renew(self) -> None:
        """Go on with an implementation made anew."""
        ...

    def close(self) -> None:
        """Let go of the implementation."""
        ...


class Verdict(Protocol):
    """A way to judge: by the laws, or by the reference."""

    def __call__(self, subject: Subject, script: Script) -> list[Violation]:
        """Ask the subject the script; what is wrong with the answers, each kind once."""
        ...


class SubjectJudge:
    """A subject, and a way to judge it."""

    def __init__(self, subject: Subject, verdict: Verdict) -> None:
        self._subject = subject
        self._verdict = verdict
        self.capabilities = subject.capabilities
        self.renew = subject.renew
        self.close = subject.close

    @property
    def asked(self) -> int:
        """How many messages it was asked so far."""
        return self._subject.asked

    def judge(self, script: Script) -> list[Violation]:
        """See `Judge.judge`."""
        return self._verdict(self._subject, script)

    def answers(self, script: Script) -> list[Answer]:
        """See `Judge.answers`."""
        answers, fault = self._subject.ask(script)
        return answers if fault is None else [*answers, Raised(fault.what)]


@dataclass(frozen=True, slots=True)
class ByLaws:
    """Judges by the laws alone: the first violation of each."""

    decoder: FullDecoder

    def __call__(self, subject: Subject, script: Script) -> list[Violation]:
        """See `Verdict`."""
        return judge(subject.trial(script), self.decoder)


class ByReference:
    """Judges by what the reference answers, and where it raises or mixes streams up, by what is right."""

    def __init__(self, codec: Codec, vocabulary: Vocabulary) -> None:
        self._codec = _Remembering(codec)
        self._vocabulary = vocabulary

    def __call__(self, subject: Subject, script: Script) -> list[Violation]:
        """The first answer that isn't the reference's."""
        answers, fault = subject.ask(script)
        expected = reference_answers(self._codec, script, answers)
        at = next((at for at, (a, b) in enumerate(zip(expected, answers, strict=True)) if a != b), None)
        if at is not None:
            return [self._describe(script, expected, answers, at)]
        if fault is None:
            return []
        step = script.steps[fault.step]
        uid = step.uid if isinstance(step, Abort) else step.requests[fault.slot].uid
        size = 1 if isinstance(step, Abort) else len(step.requests)
        why = "the call failed"
        return [Violation(PARITY, fault.kind, fault.step, fault.slot, uid, f"{size} answers", fault.what, why)]

    def _describe(self, script: Script, expected: Sequence[Answer], answers: Sequence[Answer], at: int) -> Violation:
        step = script.steps[at]
        wanted: Sequence[object] = expected[at]  # type: ignore[assignment]
        given: Sequence[object] = answers[at]  # type: ignore[assignment]
        slot = next(slot for slot, (a, b) in enumerate(zip(wanted, given, strict=True)) if a != b)
        assert not isinstance(step, Abort)
        if isinstance(step, Encode):
            found = compare_ids(Prompts("", (step.requests,)), wanted, given, self._vocabulary)  # type: ignore[arg-type]
        else:
            found = self._compare(script, expected, answers)
        assert found is not None
        uid, kind, why = step.requests[slot].uid, found.kind, found.note
        return Violation(PARITY, kind, at, slot, uid, str(wanted[slot]), str(given[slot]), why)

    def _compare(self, script: Script, expected: Sequence[Answer], answers: Sequence[Answer]) -> Divergence | None:
        """The class of a divergence, as the gate would call it."""
        uids: list[int] = []
        tokens: list[int] = []
        events: list[int] = []
        batches: list[int] = []
        wanted: list[str] = []
        given: list[str] = []
        for step, right, answer in zip(script.steps, expected, answers, strict=False):
            if isinstance(step, Encode) or isinstance(answer, Raised):
                continue
            requests = (DetokenizeRequest(step.uid, 0, False),) if isinstance(step, Abort) else step.requests
            uids += [request.uid for request in requests]
            tokens += [request.next_token for request in requests]
            batches.append(len(requests))
            if isinstance(step, Abort):
                events.append(Event.ABORT)
                continue
            events += [Event.FINISH if request.finished else Event.FEED for request in requests]
            wanted += right  # type: ignore[arg-type]
            given += answer  # type: ignore[arg-type]
        return compare_chunks(Program("", uids, tokens, events, batches), wanted, given, self._vocabulary)


class _Remembering:
    """A codec that keeps the texts of what it decoded: windows are short, and come again."""

    _MOST = 1 << 17

    def __init__(self, codec: Codec) -> None:
        self.eos_id = codec.eos_id
        self.encode = codec.encode
        self._codec = codec
        self._texts: dict[tuple[int, ...], str] = {}

    def decode_batch(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        if len(self._texts) > self._MOST:
            self._texts.clear()
        keys = [tuple(sequence) for sequence in sequences]
        missing = [key for key in keys if key not in self._texts]
        if missing:
            self._texts.update(zip(missing, self._codec.decode_batch(missing), strict=True))
        return [self._texts[key] for key in keys]


def reference_answers(codec: Codec, script: Script, answers: Sequence[Answer]) -> list[Answer]:
    """What the reference answers to a script, and what is right where it has no answer.

    A uid that stands twice in a batch is answered as if the batch were cut before its second place.
    `answers` are the implementation's: a call with an id that is none may be refused, and then did nothing;
    if it is answered, that id adds nothing.
    """
    detokenizer = ReferenceDetokenizer(codec)
    expected: list[Answer] = []
    for step, answer in zip(script.steps, answers, strict=False):
        if isinstance(step, Abort):
            detokenizer.abort(step.uid)
            expected.append(None)
        elif isinstance(step, Encode):
            expected.append([codec.encode(request.prompt) for request in step.requests])
        elif isinstance(answer, Raised):
            expected.append(answer)
        else:
            chunks: list[str] = []
            for piece in split_repeats(step):
                chunks += detokenizer.detokenize([_without_hostile(request) for request in piece.requests])
            expected.append(chunks)
    return expected


def _without_hostile(request: DetokenizeRequest) -> DetokenizeRequest:
    """The request, with an id that has no text in the place of one that is none."""
    if 0 <= request.next_token < ID_LIMIT:
        return request
    return DetokenizeRequest(request.uid, ID_LIMIT - 1, request.finished)
