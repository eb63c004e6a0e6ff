"""An implementation behind the reference's wire: a worker process with three ZeroMQ sockets."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, count
from operator import attrgetter, ne
from typing import TypeAlias, TypeVar

import msgspec

from harness.adapters.connection import CAPABILITIES
from harness.adapters.exchange import Ask, Window, Wrong, exchange
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
    Times are in seconds. Up to `window_frames` batches and `window_messages` messages are on their way at a
    time. Raises `TargetError` if the worker doesn't get ready, here or when it is started anew after a fault.
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
        window_frames: int = 64,
        window_messages: int = 16_384,
    ) -> None:
        self._start = functools.partial(Link, tuple(command), tokenizer, dict(env or {}), cwd, start_timeout)
        self._batch_timeout = batch_timeout
        self._window = Window(window_frames, window_messages)
        self._link: Link | None = self._start()

    @property
    def capabilities(self) -> frozenset[str]:
        """All of them: the wire has no way to say less."""
        return frozenset(CAPABILITIES)

    def detokenize(self, program: Program) -> list[str]:
        """Feed a program; see `Connection.detokenize`."""
        return self._ask(functools.partial(_ask_tokens, program))

    def tokenize(self, prompts: Prompts) -> list[Sequence[int]]:
        """Encode a case; see `Connection.tokenize`."""
        return self._ask(functools.partial(_ask_prompts, prompts))

    def close(self) -> None:
        """Let the worker finish and stop it."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _ask(self, asks: _Asks[_Answer]) -> list[_Answer]:
        try:
            return self._exchange(asks, self._window)
        except Fault as fault:
            if fault.kind is not Kind.CRASH or self._window.frames == 1:
                raise
            crash = fault
        # Answers that a dying worker had queued are lost, so the first batch without one may be innocent:
        # asked again one by one, it is the guilty batch that has no answer.
        try:
            self._exchange(asks, Window(1, self._window.messages))
        except TargetError:
            raise crash from None
        note = "it didn't crash again when asked batch by batch, so the batch may be a later one"
        raise Fault(crash.kind, crash.batch, f"{crash.message}\n({note})")

    def _exchange(self, asks: _Asks[_Answer], window: Window) -> list[_Answer]:
        answers: list[_Answer] = []
        link = self._link = self._link or self._start()
        try:
            exchange(link, asks(answers), window, self._batch_timeout)
        except BaseException:
            # Whatever is still on its way would be taken for the answers to the next case.
            self._link = None
            link.close(grace=0)
            raise
        return answers


def _ask_tokens(program: Program, chunks: list[str]) -> Iterator[Ask]:
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


def _ask_prompts(prompts: Prompts, ids: list[Sequence[int]]) -> Iterator[Ask]:
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
