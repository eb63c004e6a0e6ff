"""An implementation behind the reference's wire: a worker process with three ZeroMQ sockets."""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, count
from operator import attrgetter, ne
from typing import TypeAlias, TypeVar

import msgspec

from harness.adapters.connection import CAPABILITIES
from harness.adapters.exchange import Ask, Overtime, Window, Wrong, exchange
from harness.adapters.link import End, Link
from harness.errors import Fault, TargetError
from harness.model import Event, Kind, Program, Prompts
from harness.wire import (
    MAX_MESSAGES,
    AbortBackendMsg,
    AbortMsg,
    BackendMsg,
    BatchBackendMsg,
    BatchFrontendMsg,
    DetokenizeMsg,
    TokenizeMsg,
    UserMsg,
    UserReply,
    decode_backend,
    decode_frontend,
    encode_requests,
)

ARGUMENTS = (
    *("--tokenizer", "{tokenizer}", "--pull", "{pull}", "--backend", "{backend}", "--frontend", "{frontend}"),
    *("--local-bs", "1"),
)
"""The usual arguments of a worker; with a size of 1 it answers each frame by itself."""

SAMPLING_PARAMS = {
    "__type__": "SamplingParams",
    "temperature": 0.5,
    "top_k": 3,
    "top_p": 0.75,
    "ignore_eos": True,
    "max_tokens": 7,
}
"""What is sent with every prompt: the reference's fields, none of them at its default."""

_PARAMS = msgspec.Raw(msgspec.msgpack.encode(SAMPLING_PARAMS))

_uid = attrgetter("uid")
_text = attrgetter("incremental_output")
_finished = attrgetter("finished")

_Answer = TypeVar("_Answer")
_Message = TypeVar("_Message", UserReply, BackendMsg)
_Asks: TypeAlias = Callable[[list[_Answer]], Iterator[Ask]]


class SocketConnection:
    """A worker process as a `Connection`.

    `command` is its argument list with the placeholders {tokenizer}, {pull}, {backend} and {frontend}, for
    instance `(sys.executable, "-m", "package", *ARGUMENTS)`; `env` is added to this process's environment.
    Times are in seconds, `memory_limit` in megabytes. Up to `window_frames` batches and `window_messages` messages
    are on their way at a time. Raises `TargetError` if the worker doesn't get ready, here or when it is started anew
    after a fault.
    """

    def __init__(
        self,
        command: Sequence[str],
        tokenizer: pathlib.Path,
        env: Mapping[str, str] | None = None,
        *,
        cwd: pathlib.Path | None = None,
        start_timeout: float = 60.0,
        batch_timeout: float = 10.0,
        case_timeout: float = math.inf,
        window_frames: int = 64,
        window_messages: int = 16_384,
        memory_limit: int | None = None,
    ) -> None:
        self._start = functools.partial(
            Link, tuple(command), tokenizer, dict(env or {}), cwd, start_timeout, memory_limit
        )
        self._batch_timeout = batch_timeout
        self._case_timeout = case_timeout
        self._window = Window(window_frames, window_messages)
        self._link: Link | None = self._start()

    @property
    def capabilities(self) -> frozenset[str]:
        """All of them: the wire has no way to say less."""
        return frozenset(CAPABILITIES)

    def detokenize(self, program: Program) -> list[str]:
        """Feed a program; see `Connection.detokenize`."""
        return self.ask(functools.partial(ask_tokens, program), _plain(program.uids))

    def tokenize(self, prompts: Prompts) -> list[Sequence[int]]:
        """Encode a case; see `Connection.tokenize`."""
        uids = (request.uid for batch in prompts.batches for request in batch)
        return self.ask(functools.partial(ask_prompts, prompts), uids)

    def close(self) -> None:
        """Let the worker finish and stop it."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def ask(self, asks: _Asks[_Answer], uids: Iterable[int]) -> list[_Answer]:
        """Ask everything and take in the answers.

        Answers are told apart by their order. So after a fault everything is asked again batch by batch, each followed
        by checkpoints: a batch without an answer, or with one too many, is then the guilty one and not a neighbour.
        """
        used = set(uids)
        spare = next(uid for uid in count() if uid not in used)
        answers: list[_Answer] = []
        last = 0

        def whole() -> Iterator[Ask]:
            nonlocal last
            for ask in asks(answers):
                last = ask.batch
                yield ask
            yield from _checkpoints(last, spare)

        deadline = time.monotonic() + self._case_timeout
        try:
            self._exchange([whole()], self._window, deadline)
            return answers
        except Overtime:
            told = f"the case is not done in {self._case_timeout:g} s"
            raise Fault(Kind.HANG, last, told, [text for text in answers if isinstance(text, str)]) from None
        except Fault as fault:
            first = fault
        again: list[_Answer] = []
        pieces = ([_guarded(ask, spare), *_checkpoints(ask.batch, spare)] for ask in asks(again))
        try:
            self._exchange(pieces, Window(3, MAX_MESSAGES + 2))
        except TargetError:
            raise first from None
        note = "it was well when asked again batch by batch, so the batch may be another one"
        raise Fault(first.kind, first.batch, f"{first.message}\n({note})")

    def _exchange(self, pieces: Iterable[Iterable[Ask]], window: Window, deadline: float = math.inf) -> None:
        link = self._link = self._link or self._start()
        try:
            for piece in pieces:
                exchange(link, piece, window, self._batch_timeout, deadline)
        except BaseException:
            # Whatever is still on its way would be taken for the answers to the next case.
            self._link = None
            link.close(grace=0)
            raise


def _checkpoints(batch: int, uid: int) -> list[Ask]:
    """Questions to both ends under a uid that nothing else has: what comes before their answers was sent before."""
    questions: dict[End, DetokenizeMsg | AbortMsg] = {
        End.FRONTEND: DetokenizeMsg(uid, 0, True),
        End.BACKEND: AbortMsg(uid),
    }
    return [
        Ask(batch, 1, encode_requests([question]), end, functools.partial(_checked, end, uid))
        for end, question in questions.items()
    ]


def _checked(end: End, uid: int, frame: bytes) -> None:
    if not _is_checkpoint(end, uid, frame):
        raise Wrong("an answer too many")


def _guarded(ask: Ask, uid: int) -> Ask:
    """An ask before checkpoints, whose answer may be missing."""

    def accept(frame: bytes) -> None:
        if _is_checkpoint(ask.end, uid, frame):
            raise Wrong("no answer, though what came after it has one")
        ask.accept(frame)

    return dataclasses.replace(ask, accept=accept)


def _is_checkpoint(end: End, uid: int, frame: bytes) -> bool:
    answer = decode_frontend(frame) if end is End.FRONTEND else decode_backend(frame)
    return isinstance(answer, UserReply | AbortBackendMsg) and answer.uid == uid


def ask_tokens(program: Program, chunks: list[str]) -> Iterator[Ask]:
    """The batches of a program as frames; the chunks are added to a list as they come."""
    uids, tokens, events = _plain(program.uids), _plain(program.tokens), _plain(program.events)
    finished = [event == Event.FINISH for event in events]
    start = 0
    for batch, size in enumerate(_plain(program.batches)):
        rows = slice(start, start + size)
        start += size
        if Event.ABORT in events[rows]:
            if size != 1:
                raise ValueError(f"{program.id}: batch {batch} has an abort among other messages")
            uid = uids[rows.start]
            yield Ask(batch, 1, encode_requests([AbortMsg(uid)]), End.BACKEND, functools.partial(_aborted, uid))
        elif size:
            batch_uids, batch_finished = uids[rows], finished[rows]
            messages = list(map(DetokenizeMsg, batch_uids, tokens[rows], batch_finished))
            accept = functools.partial(_take_chunks, chunks, batch_uids, batch_finished)
            yield Ask(batch, size, _encode(messages), End.FRONTEND, accept)


def ask_prompts(prompts: Prompts, ids: list[Sequence[int]]) -> Iterator[Ask]:
    """The batches of a case as frames; the ids are added to a list as they come."""
    for batch, requests in enumerate(prompts.batches):
        if requests:
            uids = [request.uid for request in requests]
            texts = [r.prompt if isinstance(r.prompt, str) else list(map(dict, r.prompt)) for r in requests]
            messages = [TokenizeMsg(uid, text, _PARAMS) for uid, text in zip(uids, texts, strict=True)]
            accept = functools.partial(_take_ids, ids, uids)
            yield Ask(batch, len(messages), _encode(messages), End.BACKEND, accept)


def _encode(messages: Sequence[TokenizeMsg | DetokenizeMsg]) -> bytes:
    if len(messages) > MAX_MESSAGES:
        raise ValueError(f"a batch of {len(messages)} is more than the {MAX_MESSAGES} of a frame")
    return encode_requests(messages)


def _take_chunks(chunks: list[str], uids: list[int], finished: list[bool], frame: bytes) -> None:
    answer = decode_frontend(frame)
    replies = _unpack(answer.data if isinstance(answer, BatchFrontendMsg) else answer, len(uids))
    _check_uids(uids, replies)
    echoed = list(map(_finished, replies))
    if echoed != finished:
        slot = _first_difference(finished, echoed)
        raise Wrong(f"`finished` is {echoed[slot]} in slot {slot}, uid {uids[slot]}, asked with {finished[slot]}")
    chunks.extend(map(_text, replies))


def _take_ids(ids: list[Sequence[int]], uids: list[int], frame: bytes) -> None:
    messages: list[BackendMsg] = _unpack(_backend_data(frame), len(uids))
    users: list[UserMsg] = []
    for slot, message in enumerate(messages):
        if not isinstance(message, UserMsg):
            raise Wrong(f"a {type(message).__name__} in slot {slot} in place of a UserMsg")
        users.append(message)
    _check_uids(uids, users)
    for slot, user in enumerate(users):
        # Bytes first: a worker that passes the map on as it came has the same ones.
        if bytes(user.sampling_params) != bytes(_PARAMS) and _decode(user.sampling_params) != SAMPLING_PARAMS:
            got = _decode(user.sampling_params)
            raise Wrong(f"sampling_params in slot {slot} came back as {got!r}, sent as {SAMPLING_PARAMS!r}")
    ids.extend([user.input_ids.ids() for user in users])


def _aborted(uid: int, frame: bytes) -> None:
    messages: list[BackendMsg] = _unpack(_backend_data(frame), 1)
    if not isinstance(messages[0], AbortBackendMsg):
        raise Wrong(f"a {type(messages[0]).__name__} in place of an AbortBackendMsg")
    _check_uids([uid], messages)


def _backend_data(frame: bytes) -> BackendMsg | list[BackendMsg]:
    answer = decode_backend(frame)
    return answer.data if isinstance(answer, BatchBackendMsg) else answer


def _unpack(data: _Message | list[_Message], size: int) -> list[_Message]:
    """The messages of an answer to a batch of `size`. Raises `Wrong` if there are more or fewer."""
    messages = data if isinstance(data, list) else [data]
    if len(messages) != size:
        raise Wrong(f"a batch of {size} has an answer of {len(messages)}")
    if size == 1 and isinstance(data, list):
        raise Wrong("the answer to a single message came as a batch and not bare")
    return messages


def _check_uids(uids: list[int], messages: Sequence[UserReply | BackendMsg]) -> None:
    got = list(map(_uid, messages))
    if got != uids:
        slot = _first_difference(uids, got)
        raise Wrong(f"the answer in slot {slot} is for uid {got[slot]}, asked was uid {uids[slot]}")


def _first_difference(expected: Sequence[int], got: Sequence[int]) -> int:
    return next(compress(count(), map(ne, expected, got)))


def _decode(raw: msgspec.Raw) -> object:
    # Any map, of any keys: what can't be decoded is equal to nothing that was sent.
    try:
        return msgspec.msgpack.decode(raw)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return bytes(raw)


def _plain(column: Sequence[int]) -> list[int]:
    """A column as a list of plain integers; arrays of several libraries know how to give one."""
    return column.tolist() if hasattr(column, "tolist") else list(column)
