"""An implementation on trial: it is asked scripts, one after the other, and its streams asked otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from harness.adapters.player import Player
from harness.laws import Fault, Trial
from harness.model import DetokenizeRequest, TokenizeRequest
from harness.script import (
    Abort,
    Answer,
    Encode,
    Feed,
    Raised,
    Script,
    Step,
    Stream,
    alone,
    on_fresh_uids,
    streams_of,
)

_UIDS = 2**63
_APART = 2**40 + 2**21 + 4099
"""How far the uids of one script are from those of the next: enough for none to meet, in 16 bits too."""


class Subject:
    """A player that is made once and asked many scripts.

    Making one takes seconds, a script microseconds. So that scripts don't meet in it, each one's uids are moved by the
    same number, which keeps their differences, and streams that it leaves open are aborted.
    `moves` is False where the uids themselves are the point.
    """

    def __init__(self, player: Player, *, moves: bool = True) -> None:
        self._player = player
        self._moves = moves
        self._offset = 0
        self.capabilities = player.capabilities
        self.close = player.close
        self.asked = 0

    def renew(self) -> None:
        """Go on with another implementation."""
        self._player.renew()
        self._offset = 0

    def ask(self, script: Script) -> tuple[list[Answer], Fault | None]:
        """The answers to a script, up to the first one that is wrong in form."""
        return self._ask_all([script])[0]

    def trial(self, script: Script) -> Trial:
        """All that the laws need of a script: its answers, and those to its parts asked otherwise."""
        answers, fault = self.ask(script)
        streams = streams_of(script, answers)
        prompts = _prompts(script, answers)
        # All in one go: the implementation may be a process away.
        as_is = len(streams) == 1 and _is_alone(script, streams[0])
        asked = self._ask_all([*([] if as_is else map(alone, streams)), *(single for _, single in prompts)])
        singles = asked[len(asked) - len(prompts) :]
        apart = [streams[0].chunks] if as_is else [_chunks(*played) for played in asked[: len(streams)]]
        fresh: list[list[str]] = []
        if any(stream.reused and stream.chunks != other for stream, other in zip(streams, apart, strict=True)):
            renamed = on_fresh_uids(script, streams)
            again, _ = self.ask(renamed)
            fresh = _in_order_of(streams, streams_of(renamed, again))
        ids = {place: _ids(*played) for (place, _), played in zip(prompts, singles, strict=True)}
        return Trial(script, answers, streams, fault, apart, fresh, ids)

    def _ask_all(self, scripts: Sequence[Script]) -> list[tuple[list[Answer], Fault | None]]:
        played = self._player.play([self._moved(script) for script in scripts])
        self.asked += sum(script.messages for script in scripts)
        return [_within(script, *one) for script, one in zip(scripts, played, strict=True)]

    def _moved(self, script: Script) -> Script:
        """The script on uids that no other has, with an abort for each stream that it leaves open."""
        offset = self._offset
        if self._moves:
            self._offset = (offset + _APART) % _UIDS
        steps: list[Step] = [_move(step, offset) for step in script.steps] if offset else list(script.steps)
        if "abort" in self.capabilities:
            steps += [Abort((uid + offset) % _UIDS) for uid in _left_open(script)]
        return Script(tuple(steps))


def _within(script: Script, answers: list[Answer], fault: Fault | None) -> tuple[list[Answer], Fault | None]:
    """What was played, without the aborts that were added; one that failed is a fault of the last step."""
    last = len(script.steps) - 1
    if fault is not None and fault.step > last:
        fault = Fault(last, 0, f"{fault.what}, on the abort of what it leaves open", fault.kind)
        return answers[:last], fault
    return answers[: len(script.steps)], fault


def _move(step: Step, offset: int) -> Step:
    if isinstance(step, Feed):
        requests = [DetokenizeRequest((r.uid + offset) % _UIDS, r.next_token, r.finished) for r in step.requests]
        return Feed(tuple(requests))
    if isinstance(step, Encode):
        return Encode(tuple(TokenizeRequest((r.uid + offset) % _UIDS, r.prompt) for r in step.requests))
    return Abort((step.uid + offset) % _UIDS)


def _left_open(script: Script) -> list[int]:
    live: dict[int, None] = {}
    for step in script.steps:
        if isinstance(step, Feed):
            for request in step.requests:
                if request.finished:
                    live.pop(request.uid, None)
                else:
                    live[request.uid] = None
        elif isinstance(step, Abort):
            live.pop(step.uid, None)
    return list(live)


def _is_alone(script: Script, stream: Stream) -> bool:
    """Whether a script is a stream by itself, one message a call."""
    return len(script.steps) == len(stream.messages) == script.messages


def _chunks(answers: Sequence[Answer], fault: Fault | None) -> list[str] | Raised:
    if fault is not None:
        return Raised(fault.what)
    chunks: list[str] = []
    for answer in answers:
        if isinstance(answer, Raised):
            return answer
        chunks += answer  # type: ignore[arg-type]
    return chunks


def _prompts(script: Script, answers: Sequence[Answer]) -> list[tuple[tuple[int, int], Script]]:
    """Each prompt of a batch by itself, with its place."""
    return [
        ((at, slot), Script((Encode((request,)),)))
        for at, (step, _) in enumerate(zip(script.steps, answers, strict=False))
        if isinstance(step, Encode) and len(step.requests) > 1
        for slot, request in enumerate(step.requests)
    ]


def _ids(answers: Sequence[Answer], fault: Fault | None) -> Sequence[int] | Raised:
    if fault is not None:
        return Raised(fault.what)
    ids: Sequence[Sequence[int]] = answers[0]  # type: ignore[assignment]
    return ids[0]


def _in_order_of(streams: Sequence[Stream], others: Sequence[Stream]) -> list[list[str]]:
    """The chunks of other streams, in the order of these: they begin at the same places."""
    by_start = {(other.messages[0].step, other.messages[0].slot): other.chunks for other in others}
    return [by_start.get((stream.messages[0].step, stream.messages[0].slot), []) for stream in streams]
