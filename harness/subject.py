"""An implementation on trial: it is asked scripts, one after the other, in this process."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.adapters.direct import as_ids, capabilities_of, close_backend, describe, make_backend
from harness.errors import Fault as NoIds
from harness.laws import Fault, Trial
from harness.model import DetokenizeRequest, TokenizeRequest
from harness.protocol import Backend, Factory
from harness.script import (
    Abort,
    Answer,
    Encode,
    Feed,
    Raised,
    Script,
    Stream,
    alone,
    is_hostile,
    on_fresh_uids,
    streams_of,
)

_UIDS = 2**63
_APART = 2**40 + 2**21 + 4099
"""How far the uids of one script are from those of the next: enough for none to meet, in 16 bits too."""


class Subject:
    """A backend that is made once and asked many scripts.

    Making one takes seconds, a script microseconds. So that scripts don't meet in it, each one's uids are moved by the
    same number, which keeps their differences, and streams that it leaves open are aborted.
    `moves` is False where the uids themselves are the point.
    """

    def __init__(self, factory: Factory, folder: pathlib.Path, *, moves: bool = True) -> None:
        self._factory, self._folder, self._moves = factory, folder, moves
        self._backend: Backend = make_backend(factory, folder)
        self.capabilities = capabilities_of(self._backend)
        self._offset = 0
        self.asked = 0

    def renew(self) -> None:
        """Go on with another backend."""
        self.close()
        self._backend = make_backend(self._factory, self._folder)
        self._offset = 0

    def close(self) -> None:
        """Close the backend."""
        close_backend(self._backend)

    def ask(self, script: Script) -> tuple[list[Answer], Fault | None]:
        """The answers to a script, up to the first one that is wrong in form."""
        answers: list[Answer] = []
        fault: Fault | None = None
        for at, step in enumerate(script.steps):
            answer = self._call(step)
            found = _fault(step, answer)
            if found is not None and not (isinstance(answer, Raised) and is_hostile(step)):
                fault = Fault(at, *found)
                break
            answers.append(list(answer) if isinstance(answer, Sequence) else answer)
        self.asked += script.messages
        self._leave(script)
        return answers, fault

    def trial(self, script: Script) -> Trial:
        """All that the laws need of a script: its answers, and those to its parts asked otherwise."""
        answers, fault = self.ask(script)
        streams = streams_of(script, answers)
        apart = [self._apart(script, stream) for stream in streams]
        fresh: list[list[str]] = []
        if any(stream.reused and stream.chunks != other for stream, other in zip(streams, apart, strict=True)):
            renamed = on_fresh_uids(script, streams)
            again, _ = self.ask(renamed)
            fresh = _in_order_of(streams, streams_of(renamed, again))
        return Trial(script, answers, streams, fault, apart, fresh, self._one_by_one(script, answers))

    def _apart(self, script: Script, stream: Stream) -> list[str] | Raised:
        if len(script.steps) == len(stream.messages) and script.messages == len(stream.messages):
            return stream.chunks  # it was asked so already
        answers, fault = self.ask(alone(stream))
        if fault is not None:
            return Raised(fault.what)
        chunks: list[str] = []
        for answer in answers:
            if isinstance(answer, Raised):
                return answer
            chunks += answer  # type: ignore[arg-type]
        return chunks

    def _one_by_one(self, script: Script, answers: Sequence[Answer]) -> dict[tuple[int, int], Sequence[int] | Raised]:
        found: dict[tuple[int, int], Sequence[int] | Raised] = {}
        for at, (step, _) in enumerate(zip(script.steps, answers, strict=False)):
            if isinstance(step, Encode) and len(step.requests) > 1:
                for slot, request in enumerate(step.requests):
                    single, fault = self.ask(Script((Encode((request,)),)))
                    found[at, slot] = Raised(fault.what) if fault else single[0][0]  # type: ignore[index]
        return found

    def _call(self, step: Feed | Encode | Abort) -> Answer:
        offset = self._offset
        try:
            if isinstance(step, Feed):
                return self._backend.detokenize(
                    [DetokenizeRequest((r.uid + offset) % _UIDS, r.next_token, r.finished) for r in step.requests]
                )
            if isinstance(step, Encode):
                replies = self._backend.tokenize(
                    [TokenizeRequest((r.uid + offset) % _UIDS, r.prompt) for r in step.requests]
                )
                return [as_ids(reply, 0, slot) for slot, reply in enumerate(replies)]
            self._backend.abort((step.uid + offset) % _UIDS)
            return None
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except NoIds as fault:
            return Raised(f"an answer that is no list of ids: {fault.message}")
        except BaseException as error:  # a panic of Rust is no Exception
            return Raised(describe(error))

    def _leave(self, script: Script) -> None:
        """Give up what the script left open, and move on to other uids."""
        if "abort" in self.capabilities:
            live: set[int] = set()
            for step in script.steps:
                if isinstance(step, Feed):
                    for request in step.requests:
                        (live.discard if request.finished else live.add)(request.uid)
            for uid in live:
                self._call(Abort(uid))
        if self._moves:
            self._offset = (self._offset + _APART) % _UIDS


def _in_order_of(streams: Sequence[Stream], others: Sequence[Stream]) -> list[list[str]]:
    """The chunks of other streams, in the order of these: they begin at the same places."""
    by_start = {(other.messages[0].step, other.messages[0].slot): other.chunks for other in others}
    return [by_start.get((stream.messages[0].step, stream.messages[0].slot), []) for stream in streams]


def _fault(step: Feed | Encode | Abort, answer: Answer) -> tuple[int, str] | None:
    """What is wrong with the form of an answer: the slot, and what it is."""
    if isinstance(answer, Raised):
        return 0, answer.what
    if isinstance(step, Abort):
        return None
    try:
        count = len(answer)  # type: ignore[arg-type]
    except TypeError:
        return 0, f"no answers: a {type(answer).__name__}"
    if count != len(step.requests):
        return 0, f"wrong number of answers: {count} to a batch of {len(step.requests)}"
    replies: Sequence[object] = answer  # type: ignore[assignment]
    for slot, reply in enumerate(replies):
        if isinstance(step, Feed) and not _is_text(reply):
            return slot, f"an answer that is no Unicode text: {reply!a}"[:200]
    return None


def _is_text(reply: object) -> bool:
    if not isinstance(reply, str):
        return False
    if reply.isascii():
        return True
    try:
        reply.encode()
    except UnicodeEncodeError:
        return False
    return True
