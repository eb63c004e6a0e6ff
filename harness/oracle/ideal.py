"""The oracle, profile `ideal`: a detokenizer that sends text as soon as no further token can change it.

Its rule for what no stream can know in advance is to hold that back, and to send it at the finish as it is then.
What can still change depends on the decoder:

- byte-level: the bytes at the end that begin a character, three at most;
- byte_fallback: the run of neighbouring byte tokens at the end, however long, for one byte more may turn all of it into
  U+FFFD; once it can't be UTF-8 any more, or another token follows, it is settled;
- any other: nothing.

A space that the decoder strips from the beginning of a text, and one that it puts between words, depend on the tokens
before alone, and on no more than the last of them that has a piece.
"""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.model import DetokenizeRequest
from harness.tokenizer import Codec, Vocabulary

_REPLACEMENT = "\ufffd"
_ID_LIMIT = 2**32


class _Stream(Protocol):
    """The text of one stream, in order."""

    def feed(self, token: int) -> str:
        """What is settled by a token and wasn't before."""
        ...

    def flush(self) -> str:
        """What is held back."""
        ...


class IdealDetokenizer:
    """The streaming detokenizer that keeps every law: state for each uid, answers batch by batch."""

    def __init__(self, codec: Codec, vocabulary: Vocabulary) -> None:
        self._codec = codec
        self._vocabulary = vocabulary
        self._streams: dict[int, _Stream] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk of text a request, in the same order.

        Raises `ValueError` if a token is no id; no stream has changed then.
        """
        for request in requests:
            if not 0 <= request.next_token < _ID_LIMIT:
                raise ValueError(f"uid {request.uid}: {request.next_token} is not a token id")
        return [self._answer(request) for request in requests]

    def abort(self, uid: int) -> None:
        """Forget a uid."""
        self._streams.pop(uid, None)

    def _answer(self, request: DetokenizeRequest) -> str:
        stream = self._streams.get(request.uid)
        if stream is None:
            stream = self._streams[request.uid] = self._begin()
        ends = request.finished and request.next_token == self._codec.eos_id
        chunk = stream.feed(request.next_token) if not ends and request.next_token in self._vocabulary.pieces else ""
        if request.finished:
            del self._streams[request.uid]
            chunk += stream.flush()
        return chunk

    def _begin(self) -> _Stream:
        if self._vocabulary.family == "byte-level":
            return _Bytes(self._vocabulary)
        return _Pieces(self._codec, self._vocabulary)


@dataclass(slots=True)
class _Bytes:
    """A stream of bytes, held back at their end while they begin a character."""

    vocabulary: Vocabulary
    begun: bytes = b""

    def feed(self, token: int) -> str:
        text, self.begun = _decode(self.begun + self.vocabulary.bytes_by_id[token])
        return text

    def flush(self) -> str:
        return self.begun.decode("utf-8", "replace")


@dataclass(slots=True)
class _Pieces:
    """A stream of pieces and byte tokens.

    `last` is the last token that is settled. `run` are the byte tokens after it, `begun` the bytes at their end that
    begin a character. `broken` says that bytes follow that can't be UTF-8 any more, up to the next piece.
    """

    codec: Codec
    vocabulary: Vocabulary
    last: int | None = None
    run: list[int] = field(default_factory=list)
    begun: bytes = b""
    broken: bool = False

    def feed(self, token: int) -> str:
        if token not in self.vocabulary.byte_tokens:
            text = self._settle([*self.run, token])
            self.broken = False
            return text
        if self.broken:
            self.last = token
            return _REPLACEMENT
        self.run.append(token)
        data = self.begun + self.vocabulary.bytes_by_id[token]
        text, self.begun = _decode(data)
        if text.encode() + self.begun == data:
            return ""
        self.broken = True
        return self._settle(self.run)

    def flush(self) -> str:
        return self._settle(self.run) if self.run else ""

    def _settle(self, tokens: Sequence[int]) -> str:
        """The text of tokens after what is settled."""
        before = [] if self.last is None else [self.last]
        window, known = self.codec.decode_batch([[*before, *tokens], before])
        self.last = tokens[-1]
        self.run, self.begun = [], b""
        return window[len(known) :]


def _decode(data: bytes) -> tuple[str, bytes]:
    """The text of bytes, invalid ones replaced, and the bytes at the end that begin a character."""
    text, used = utf_8_decode(data, "replace", False)
    begun = data[used:]
    if len(begun) == 2 and begun[0] == 0xED and begun[1] >= 0xA0:
        # A surrogate: it is invalid already, but the codec waits for its third byte.
        return text + 2 * _REPLACEMENT, b""
    return text, begun
