"""Streaming detokenizer for byte-level BPE: bytes in, text out.

The reference cuts its windows where it committed, and it commits only a text that doesn't end in U+FFFD:
at a cut no character is unfinished. So the prefix of a window decodes alike alone and within the window,
the new text is the decoding of the bytes since the last commit and of nothing else, and a stream that
has just committed is no different from one that has not begun. Only streams inside a character, or behind
a U+FFFD, are kept at all.
"""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.model import DetokenizeRequest
from impls.python.held import Held
from impls.python.printable import REPLACEMENT
from impls.python.vocabulary import ByteLevelTable


@dataclass(slots=True)
class OpenStream:
    """A stream with text that isn't committed. `unfinished` is a character begun: 3 bytes at most."""

    held: Held = field(default_factory=Held)
    unfinished: bytes = b""


class ByteLevelDetokenizer:
    """Detokenizes for a decoder of type ByteLevel."""

    def __init__(self, table: ByteLevelTable, eos_id: int | None) -> None:
        self._table = table
        self._eos_id = eos_id
        self._open: dict[int, OpenStream] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch: one chunk a request."""
        whole, opened, size = self._table.whole, self._open, len(self._table.whole)
        chunks: list[str] = []
        for request in requests:
            uid, token = request.uid, request.next_token
            text = whole[token] if token < size else ""
            if request.finished:
                # The end-of-stream token adds nothing, and what is held is lost.
                chunks.append("" if token == self._eos_id else self._feed(uid, token))
                opened.pop(uid, None)
            elif text is None or uid in opened:
                chunks.append(self._feed(uid, token))
            else:
                chunks.append(text)
        return chunks

    def forget(self, uid: int) -> None:
        """Drop the stream."""
        self._open.pop(uid, None)

    def close(self) -> None:
        """Drop all streams."""
        self._open.clear()

    def _feed(self, uid: int, token: int) -> str:
        """The chunk for one token that a stream is given."""
        data = self._table.bytes_of[token] if token < len(self._table.bytes_of) else b""
        if not data:
            return ""
        stream = self._open.get(uid) or OpenStream()
        data = stream.unfinished + data
        text, stream.unfinished = _decode(data)
        stream.held.settled.append(text)
        if stream.unfinished or text.endswith(REPLACEMENT):
            self._open[uid] = stream
            return stream.held.show(unsettled=bool(stream.unfinished))
        self._open.pop(uid, None)
        return stream.held.commit()


def _decode(data: bytes) -> tuple[str, bytes]:
    """The text of `data`, invalid bytes replaced, and the bytes at its end that begin a character."""
    text, used = utf_8_decode(data, "replace", False)
    unfinished = data[used:]
    if len(unfinished) == 2 and unfinished[0] == 0xED and unfinished[1] >= 0xA0:
        # The codec waits for the last byte of a surrogate, though its first two are already invalid.
        return text + REPLACEMENT * 2, b""
    return text, unfinished
