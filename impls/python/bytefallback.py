"""Streaming detokenizer for byte_fallback vocabularies: text tokens, and a token for each byte.

The decoder joins a *run* of neighbouring byte tokens. A run that is valid UTF-8 is its text, any other is
one U+FFFD a byte: one more byte can change everything that the run showed before. A text token ends the
run and settles it.

The reference cuts its windows between tokens, within a run too. The prefix of a window then ends in the
first part of a run, always valid by itself or it wouldn't have been committed, and two things follow:

- If the run goes on and becomes invalid, the prefix's part of it grows, from its code points to as many
  U+FFFD as it has bytes. The excess comes out as new text. That number, `debt`, is all that has to be
  remembered of a prefix.
- The space that the decoder strips at the start of a window is the same one in the window and in its
  prefix, so it cancels out. There are two exceptions. In the first window of a stream the prefix is empty
  and the space is lost. And where the whole prefix is a run with a leading space, that space isn't there
  to be stripped once the run is invalid: the prefix alone is a code point shorter, and `debt` one larger.
"""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.model import DetokenizeRequest
from impls.python.held import Held
from impls.python.printable import REPLACEMENT
from impls.python.vocabulary import FallbackTable


@dataclass(slots=True)
class Run:
    """The byte tokens at the end of a stream, after the last text token.

    `size` counts its bytes, and `characters` the U+FFFD that they are the encoding of: any other character
    is committed by its last byte. The last bytes may be `unfinished`. `broken` says that the run can no
    longer be valid: each byte is then settled as one U+FFFD. `spaced` says that the run begins the window's
    new tokens, and itself with a space.
    """

    size: int = 0
    characters: int = 0
    unfinished: bytes = b""
    broken: bool = False
    spaced: bool = False


@dataclass(slots=True)
class Stream:
    """A stream's new tokens, those since the last commit, and what they need to know of the prefix.

    `strips` says that the space at the start of the new text is stripped, `blank` that the tokens before
    the run, if any, had no text.
    """

    held: Held = field(default_factory=Held)
    run: Run = field(default_factory=Run)
    debt: int = 0
    strips: bool = False
    blank: bool = True

    def feed_text(self, text: str) -> str | None:
        """Add a text token. The chunk if that commits, else `None`."""
        self._end_run()
        settled = self.held.settled
        if text:
            settled.append(text[1:] if self.strips and self.blank and text[0] == " " else text)
            self.blank = False
        return None if settled.last in ("", REPLACEMENT) else self.held.commit()

    def feed_byte(self, byte: bytes) -> str | None:
        """Add a byte token. The chunk if that commits, else `None`."""
        run = self.run
        if run.size == 0:
            run.spaced = self.blank and byte == b" "
        run.size += 1
        if run.broken:
            self.held.settled.append(REPLACEMENT)
            return None
        try:
            data = run.unfinished + byte
            text, used = utf_8_decode(data, "strict", False)
        except UnicodeDecodeError:
            self._break_run()
            return None
        run.unfinished = data[used:]
        if not text or (run.spaced and self.strips and run.size == 1):
            return None
        if text == REPLACEMENT:
            run.characters += 1
            return None
        self.held.settled.append(REPLACEMENT * run.characters + text)
        run.characters += 1
        return self.held.commit()

    def show(self) -> str:
        """The chunk of a message that didn't commit."""
        return self.held.show(unsettled=self.run.size > 0 and not self.run.broken)

    def debt_of_prefix(self, strips_space: bool) -> int:
        """The debt of the window that follows, after a commit: these new tokens are its prefix."""
        run = self.run
        code_points = run.characters
        if run.spaced and strips_space and not self.strips:
            code_points -= 1
        return run.size - code_points

    def _end_run(self) -> None:
        """Settle the run: a text token follows."""
        if self.run.size:
            if self.run.unfinished:
                self._break_run()
            elif not self.run.broken:
                self.held.settled.append(REPLACEMENT * self.run.characters)
            self.blank = False
            self.run = Run()
        self.debt = 0

    def _break_run(self) -> None:
        """The run is invalid for good: settle it, and the part of it that the prefix has."""
        run = self.run
        self.held.settled.append(REPLACEMENT * (run.size + self.debt))
        run.unfinished, run.broken = b"", True


AT_REST: Final = Stream()
"""Stands for every stream that has just committed and is not in a run. It is never fed."""


class ByteFallbackDetokenizer:
    """Detokenizes for a decoder that joins byte tokens."""

    def __init__(self, table: FallbackTable, eos_id: int | None) -> None:
        self._table = table
        self._eos_id = eos_id
        self._streams: dict[int, Stream] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch: one chunk a request."""
        whole, streams, size = self._table.whole, self._streams, len(self._table.whole)
        chunks: list[str] = []
        for request in requests:
            uid, token = request.uid, request.next_token
            text = whole[token] if token < size else None
            if request.finished:
                # The end-of-stream token adds nothing, and what is held is lost.
                chunks.append("" if token == self._eos_id else self._feed(uid, token))
                streams.pop(uid, None)
            elif text is not None and streams.get(uid) is AT_REST:
                chunks.append(text)
            else:
                chunks.append(self._feed(uid, token))
        return chunks

    def forget(self, uid: int) -> None:
        """Drop the stream."""
        self._streams.pop(uid, None)

    def close(self) -> None:
        """Drop all streams."""
        self._streams.clear()

    def _feed(self, uid: int, token: int) -> str:
        """The chunk for one token that a stream is given."""
        piece = self._table.pieces[token] if token < len(self._table.pieces) else None
        if piece is None:
            return ""
        strips_space = self._table.strips_space
        stream = self._streams.get(uid)
        if stream is None:
            stream = Stream(strips=strips_space)
        elif stream is AT_REST:
            stream = Stream()
        chunk = stream.feed_text(piece) if isinstance(piece, str) else stream.feed_byte(piece)
        if chunk is None:
            self._streams[uid] = stream
            return stream.show()
        debt = stream.debt_of_prefix(strips_space)
        self._streams[uid] = Stream(debt=debt) if debt else AT_REST
        return chunk
