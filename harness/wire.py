"""The wire of the reference's worker: one MessagePack map a frame, its class under the key `__type__`.

Requests (`TokenizeMsg`, `DetokenizeMsg`, `AbortMsg`, several as a `BatchTokenizerMsg`) go to the worker.
`UserReply`, several as a `BatchFrontendMsg`, go to the front end; `UserMsg` and `AbortBackendMsg`, several as
a `BatchBackendMsg`, go to the back end.
A frame from outside is hostile until checked: `RequestReader` takes what is well-formed and names the rest.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec

MAX_UID = 2**63 - 1
MAX_TOKEN = 2**32 - 1
MAX_MESSAGES = 65_536
"""The most messages in one frame, and the most messages in one conversation.

Checked against the length that a frame claims, before anything of that length is made.
"""

MAX_FIELDS = 64
"""The most fields of a message in a conversation."""

Uid: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_UID)]
Token: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKEN)]
Turn: TypeAlias = Annotated[dict[str, str], msgspec.Meta(max_length=MAX_FIELDS)]
Text: TypeAlias = str | Annotated[list[Turn], msgspec.Meta(max_length=MAX_MESSAGES)]


class Tensor(msgspec.Struct, frozen=True, tag_field="__type__", tag="Tensor"):
    """A one-dimensional array of int32, as its little-endian bytes."""

    buffer: bytes
    dtype: Literal["torch.int32"] = "torch.int32"

    @classmethod
    def of(cls, ids: Sequence[int]) -> Tensor:
        """Pack ids. Raises `OverflowError` on one that isn't an int32, `TypeError` on what is no integer."""
        if isinstance(ids, memoryview) and ids.format == "i" and sys.byteorder == "little":
            return cls(ids.tobytes())
        packed = array("i", ids)
        if sys.byteorder == "big":
            packed.byteswap()
        return cls(packed.tobytes())

    def ids(self) -> list[int]:
        """Unpack the ids. Raises `ValueError` on bytes that aren't a whole number of int32."""
        unpacked = array("i")
        unpacked.frombytes(self.buffer)
        if sys.byteorder == "big":
            unpacked.byteswap()
        return unpacked.tolist()


class TokenizeMsg(msgspec.Struct, frozen=True, tag_field="__type__", tag="TokenizeMsg"):
    """A prompt to be encoded; `sampling_params` is an encoded map that goes back as it came."""

    uid: Uid
    text: Text
    sampling_params: msgspec.Raw


class DetokenizeMsg(msgspec.Struct, frozen=True, gc=False, tag_field="__type__", tag="DetokenizeMsg"):
    """One token of the stream `uid`, which ends with it if `finished`."""

    uid: Uid
    next_token: Token
    finished: bool


class AbortMsg(msgspec.Struct, frozen=True, gc=False, tag_field="__type__", tag="AbortMsg"):
    """The stream `uid` is to be forgotten."""

    uid: Uid


Request: TypeAlias = TokenizeMsg | DetokenizeMsg | AbortMsg


class BatchTokenizerMsg(msgspec.Struct, frozen=True, tag_field="__type__", tag="BatchTokenizerMsg"):
    """Several requests in one frame."""

    data: Annotated[list[Request], msgspec.Meta(max_length=MAX_MESSAGES)]


class UserReply(msgspec.Struct, frozen=True, gc=False, tag_field="__type__", tag="UserReply"):
    """The answer to a `DetokenizeMsg`: a chunk of new text."""

    uid: Uid
    incremental_output: str
    finished: bool


class BatchFrontendMsg(msgspec.Struct, frozen=True, tag_field="__type__", tag="BatchFrontendMsg"):
    """Several answers for the front end in one frame."""

    data: Annotated[list[UserReply], msgspec.Meta(max_length=MAX_MESSAGES)]


class UserMsg(msgspec.Struct, frozen=True, tag_field="__type__", tag="UserMsg"):
    """The answer to a `TokenizeMsg`: its ids, and the sampling parameters that came with it."""

    uid: Uid
    input_ids: Tensor
    sampling_params: msgspec.Raw


class AbortBackendMsg(msgspec.Struct, frozen=True, gc=False, tag_field="__type__", tag="AbortBackendMsg"):
    """The answer to an `AbortMsg`, passed on to the back end."""

    uid: Uid


BackendMsg: TypeAlias = UserMsg | AbortBackendMsg


class BatchBackendMsg(msgspec.Struct, frozen=True, tag_field="__type__", tag="BatchBackendMsg"):
    """Several messages for the back end in one frame."""

    data: Annotated[list[BackendMsg], msgspec.Meta(max_length=MAX_MESSAGES)]


_encode = msgspec.msgpack.Encoder().encode


def encode_requests(messages: Sequence[Request]) -> bytes:
    """One frame: a single request bare, several as a batch."""
    return _encode(messages[0] if len(messages) == 1 else BatchTokenizerMsg(list(messages)))


def encode_replies(replies: Sequence[UserReply]) -> bytes:
    """One frame for the front end: a single reply bare, several as a batch."""
    return _encode(replies[0] if len(replies) == 1 else BatchFrontendMsg(list(replies)))


def encode_backend(messages: Sequence[BackendMsg]) -> bytes:
    """One frame for the back end: a single message bare, several as a batch."""
    return _encode(messages[0] if len(messages) == 1 else BatchBackendMsg(list(messages)))


class FrameError(ValueError):
    """A frame from the worker that isn't one of the wire's."""


_MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_frontend: msgspec.msgpack.Decoder[UserReply | BatchFrontendMsg] = msgspec.msgpack.Decoder(UserReply | BatchFrontendMsg)
_backend: msgspec.msgpack.Decoder[UserMsg | AbortBackendMsg | BatchBackendMsg] = msgspec.msgpack.Decoder(
    UserMsg | AbortBackendMsg | BatchBackendMsg
)


def decode_frontend(frame: bytes) -> UserReply | BatchFrontendMsg:
    """Read a frame for the front end. Raises `FrameError`."""
    try:
        return _frontend.decode(frame)
    except _MALFORMED as error:
        raise FrameError(_one_line(error)) from error


def decode_backend(frame: bytes) -> UserMsg | AbortBackendMsg | BatchBackendMsg:
    """Read a frame for the back end. Raises `FrameError`."""
    try:
        return _backend.decode(frame)
    except _MALFORMED as error:
        raise FrameError(_one_line(error)) from error


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a frame, or with one message in it.

    `code` is "long-frame" or "bad-frame" for a whole frame, "bad-message" or "long-prompt" for one message;
    `message` is one printable line; `uid` is there if the message had a valid one.
    """

    code: str
    message: str
    uid: int | None = None


class _LooseBatch(msgspec.Struct, frozen=True, tag_field="__type__", tag="BatchTokenizerMsg"):
    # The requests not yet looked into, so that a malformed one costs only itself.
    data: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_MESSAGES)]


class _Named(msgspec.Struct, frozen=True):
    # Any map with a valid uid: what is left to say of a malformed message.
    uid: Uid


_strict: msgspec.msgpack.Decoder[BatchTokenizerMsg | Request] = msgspec.msgpack.Decoder(BatchTokenizerMsg | Request)
_loose = msgspec.msgpack.Decoder(_LooseBatch)
_single: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_named = msgspec.msgpack.Decoder(_Named)
_anything = msgspec.msgpack.Decoder()


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Reads frames on the worker's side, within limits: bytes of a frame, characters of a prompt."""

    max_frame_bytes: int = 16 * 2**20
    max_prompt_characters: int = 4_000_000

    def read(self, frame: bytes) -> tuple[list[Request], list[Problem]]:
        """The good requests of a frame and the problems with the others, each in the frame's order.

        Never raises on what the frame holds.
        """
        if len(frame) > self.max_frame_bytes:
            limit = f"the limit is {self.max_frame_bytes}"
            return [], [Problem("long-frame", f"frame of {len(frame)} bytes, {limit}")]
        try:
            whole = _strict.decode(frame)
        except _MALFORMED as error:
            return self._salvage(frame, error)
        requests: list[Request] = whole.data if isinstance(whole, BatchTokenizerMsg) else [whole]
        if TokenizeMsg not in set(map(type, requests)):
            return requests, []
        return self._sift(requests)

    def _salvage(self, frame: bytes, error: Exception) -> tuple[list[Request], list[Problem]]:
        try:
            raws = _loose.decode(frame).data
        except _MALFORMED:
            uid = _find_uid(frame)
            return [], [Problem("bad-frame" if uid is None else "bad-message", _one_line(error), uid)]
        return self._sift(raws)

    def _sift(self, items: Sequence[Request | msgspec.Raw]) -> tuple[list[Request], list[Problem]]:
        good: list[Request] = []
        problems: list[Problem] = []
        for item in items:
            try:
                request = _single.decode(item) if isinstance(item, msgspec.Raw) else item
            except _MALFORMED as error:
                assert isinstance(item, msgspec.Raw)
                problems.append(Problem("bad-message", _one_line(error), _find_uid(item)))
                continue
            problem = self._object(request) if isinstance(request, TokenizeMsg) else None
            if problem is None:
                good.append(request)
            else:
                problems.append(problem)
        return good, problems

    def _object(self, request: TokenizeMsg) -> Problem | None:
        first = memoryview(request.sampling_params)[0]
        if not (0x80 <= first <= 0x8F or first in (0xDE, 0xDF)):
            return Problem("bad-message", "Expected a map - at `$.sampling_params`", request.uid)
        # They are passed on as they came, so a string that isn't one would be the back end's to trip over.
        try:
            _anything.decode(request.sampling_params)
        except UnicodeDecodeError as error:
            return Problem("bad-message", f"{_one_line(error)} - in `$.sampling_params`", request.uid)
        except _MALFORMED:
            pass
        text = request.text
        parts = [text] if isinstance(text, str) else [part for turn in text for pair in turn.items() for part in pair]
        size = sum(map(len, parts))
        if size > self.max_prompt_characters:
            limit = f"the limit is {self.max_prompt_characters}"
            return Problem("long-prompt", f"prompt of {size} characters, {limit}", request.uid)
        return None


def _find_uid(encoded: bytes | msgspec.Raw) -> int | None:
    try:
        return _named.decode(encoded).uid
    except _MALFORMED:
        return None


def _one_line(error: Exception) -> str:
    # The text of the error can quote the frame, and a log line must stay one line.
    return str(error)[:200].encode("unicode_escape").decode("ascii")[:200]
