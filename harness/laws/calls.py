"""The laws on calls: their form, and that one call or stream doesn't change what another is answered."""

from __future__ import annotations

from collections.abc import Sequence

from harness.laws.decoder import FullDecoder
from harness.laws.trial import Trial, Violation
from harness.model import Kind
from harness.script import Abort, Encode, Raised, Stream


def answers(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """One answer of the right type a request; no exception, unless a call has an id that is none."""
    if trial.fault is None:
        return None
    fault = trial.fault
    step = trial.script.steps[fault.step]
    uid = step.uid if isinstance(step, Abort) else step.requests[fault.slot].uid if step.requests else 0
    size = 1 if isinstance(step, Abort) else len(step.requests)
    return Violation(
        "answers", fault.kind, fault.step, fault.slot, uid, f"{size} answers", fault.what, "the call failed"
    )


def forgets(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """A finished or aborted uid leaves nothing behind: its next stream is as one on a uid never used."""
    for stream, apart, fresh in zip(trial.streams, trial.apart, trial.fresh, strict=False):
        if stream.reused and stream.chunks != apart and fresh == apart:
            return _differs(
                "forgets", Kind.CROSSED, stream, apart, "on a uid that was never used it is answered otherwise"
            )
    return None


def independent(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """Interleaving and the way a stream is cut into batches change nothing."""
    for at, (stream, apart) in enumerate(zip(trial.streams, trial.apart, strict=False)):
        if stream.chunks == apart:
            continue
        if stream.reused and at < len(trial.fresh) and trial.fresh[at] == apart:
            continue
        return _differs(
            "independent", Kind.CROSSED, stream, apart, "alone, one message a call, it is answered otherwise"
        )
    return None


def batch_encode(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """A batch of prompts is encoded as they are one by one."""
    for at, (step, answer) in enumerate(zip(trial.script.steps, trial.answers, strict=False)):
        if not isinstance(step, Encode) or isinstance(answer, Raised):
            continue
        given: Sequence[Sequence[int]] = answer  # type: ignore[assignment]
        for slot, request in enumerate(step.requests):
            single = trial.one_by_one.get((at, slot))
            if single is None or single == list(given[slot]):
                continue
            expected = single.what if isinstance(single, Raised) else str(single)
            got, why = str(list(given[slot])), "encoded alone, the prompt has other ids"
            return Violation("batch-encode", Kind.IDS_DIFFER, at, slot, request.uid, expected, got, why)
    return None


def _differs(law: str, kind: Kind, stream: Stream, apart: Sequence[str] | Raised, why: str) -> Violation:
    if isinstance(apart, Raised):
        first = stream.messages[0]
        return Violation(law, Kind.ERROR, first.step, first.slot, stream.uid, apart.what, first.chunk, why)
    at = next(at for at, (chunk, other) in enumerate(zip(stream.chunks, apart, strict=True)) if chunk != other)
    message = stream.messages[at]
    return Violation(law, kind, message.step, message.slot, stream.uid, apart[at], message.chunk, why)
