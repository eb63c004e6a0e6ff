"""A program for laws and fuzzing: calls of every kind, in order, and what came of them.

A `Program` is a golden's detokenize case. A `Script` may hold what no golden may: one uid twice in a batch, ids that
are none, streams that never end, and prompts between tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from harness.model import DetokenizeRequest, Event, Program, TokenizeRequest, batch_slices

ID_LIMIT = 2**32
"""Token ids are unsigned 32-bit numbers; all others are hostile."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One call of `detokenize`."""

    requests: tuple[DetokenizeRequest, ...]


@dataclass(frozen=True, slots=True)
class Encode:
    """One call of `tokenize`."""

    requests: tuple[TokenizeRequest, ...]


@dataclass(frozen=True, slots=True)
class Abort:
    """One call of `abort`."""

    uid: int


Step: TypeAlias = Feed | Encode | Abort


@dataclass(frozen=True, slots=True)
class Script:
    """Calls in order."""

    steps: tuple[Step, ...]

    @property
    def messages(self) -> int:
        """How many requests and aborts it has: its size."""
        return sum(1 if isinstance(step, Abort) else len(step.requests) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception instead of answers, in one line."""

    what: str


Answer: TypeAlias = object
"""What a call returned, unchecked: chunks, lists of ids, None after an abort; or `Raised`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One token of a stream: where in the script it stands, and the chunk it was answered with."""

    step: int
    slot: int
    token: int
    finished: bool
    chunk: str


@dataclass(slots=True)
class Stream:
    """The messages of one uid from its first to a finish, an abort or the end of the script.

    `reused` says that the uid had a stream before.
    """

    uid: int
    reused: bool
    messages: list[Message] = field(default_factory=list)
    aborted: bool = False

    @property
    def finished(self) -> bool:
        """Whether its last message said so."""
        return bool(self.messages) and self.messages[-1].finished

    @property
    def chunks(self) -> list[str]:
        """What was sent of it, message by message."""
        return [message.chunk for message in self.messages]


def is_hostile(step: Step) -> bool:
    """Whether a call holds an id that no tokenizer can have, so that it may be refused as a whole."""
    return isinstance(step, Feed) and any(not 0 <= request.next_token < ID_LIMIT for request in step.requests)


def script_of(program: Program) -> Script:
    """A golden's program as a script."""
    steps: list[Step] = []
    for rows in batch_slices(program.batches):
        if program.events[rows.start] == Event.ABORT:
            steps.append(Abort(program.uids[rows.start]))
            continue
        columns = zip(program.uids[rows], program.tokens[rows], program.events[rows], strict=True)
        steps.append(Feed(tuple(DetokenizeRequest(uid, token, event == Event.FINISH) for uid, token, event in columns)))
    return Script(tuple(steps))


def streams_of(script: Script, answers: Sequence[Answer]) -> list[Stream]:
    """The streams of a script, in the order in which they begin.

    A call that was refused did nothing. `answers` may be shorter than the script: what was not answered was not asked.
    """
    streams: list[Stream] = []
    live: dict[int, Stream] = {}
    known: set[int] = set()
    for at, (step, answer) in enumerate(zip(script.steps, answers, strict=False)):
        if isinstance(answer, Raised) or isinstance(step, Encode):
            continue
        if isinstance(step, Abort):
            ended = live.pop(step.uid, None)
            if ended is not None:
                ended.aborted = True
            continue
        chunks: Sequence[str] = answer  # type: ignore[assignment]
        for slot, (request, chunk) in enumerate(zip(step.requests, chunks, strict=True)):
            stream = live.get(request.uid)
            if stream is None:
                stream = live[request.uid] = Stream(request.uid, request.uid in known)
                known.add(request.uid)
                streams.append(stream)
            stream.messages.append(Message(at, slot, request.next_token, request.finished, chunk))
            if request.finished:
                del live[request.uid]
    return streams


def alone(stream: Stream) -> Script:
    """A stream by itself, one message a call."""
    requests = (DetokenizeRequest(stream.uid, message.token, message.finished) for message in stream.messages)
    return Script(tuple(Feed((request,)) for request in requests))


def on_fresh_uids(script: Script, streams: Sequence[Stream]) -> Script:
    """The same calls with a uid of its own for every stream that reuses one.

    A request that was refused is part of no stream; it is asked on the uid that its stream has.
    """
    used = {stream.uid for stream in streams}
    unused = (uid for uid in range(1, 2**62) if uid not in used)
    begins = {(stream.messages[0].step, stream.messages[0].slot) for stream in streams if stream.reused}
    names: dict[int, int] = {}
    steps: list[Step] = []
    for at, step in enumerate(script.steps):
        if isinstance(step, Abort):
            steps.append(Abort(names.get(step.uid, step.uid)))
        elif isinstance(step, Encode):
            steps.append(step)
        else:
            requests = []
            for slot, request in enumerate(step.requests):
                if (at, slot) in begins:
                    names[request.uid] = next(unused)
                uid = names.get(request.uid, request.uid)
                requests.append(DetokenizeRequest(uid, request.next_token, request.finished))
            steps.append(Feed(tuple(requests)))
    return Script(tuple(steps))


def split_repeats(step: Feed) -> list[Feed]:
    """A call cut before each uid that stands in it a second time."""
    pieces: list[list[DetokenizeRequest]] = [[]]
    seen: set[int] = set()
    for request in step.requests:
        if request.uid in seen:
            pieces.append([])
            seen = set()
        pieces[-1].append(request)
        seen.add(request.uid)
    return [Feed(tuple(piece)) for piece in pieces]


_Data: TypeAlias = list[list[object]]


def to_data(script: Script) -> _Data:
    """A script as lists, to be stored."""
    data: _Data = []
    for step in script.steps:
        if isinstance(step, Feed):
            data.append(["feed", [[r.uid, r.next_token, r.finished] for r in step.requests]])
        elif isinstance(step, Encode):
            data.append(["encode", [[r.uid, r.prompt] for r in step.requests]])
        else:
            data.append(["abort", step.uid])
    return data


def from_data(data: object) -> Script:
    """The script that `to_data` made lists of. Raises `ValueError` for anything else."""
    try:
        return Script(tuple(_step(name, value) for name, value in msgspec.convert(data, list[tuple[str, object]])))
    except (msgspec.ValidationError, TypeError) as error:
        raise ValueError(f"this is no script: {error}") from error


def _step(name: str, value: object) -> Step:
    if name == "feed":
        return Feed(tuple(DetokenizeRequest(*fields) for fields in msgspec.convert(value, list[tuple[int, int, bool]])))
    if name == "encode":
        prompts = msgspec.convert(value, list[tuple[int, str | list[dict[str, str]]]])
        return Encode(tuple(TokenizeRequest(*fields) for fields in prompts))
    if name == "abort":
        return Abort(msgspec.convert(value, int))
    raise ValueError(f"a script has no step {name!r}")
