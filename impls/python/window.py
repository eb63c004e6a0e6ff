"""Streaming detokenizer for all other decoders: it decodes windows of ids, as the reference does.

What a decoder such as WordPiece or Metaspace makes of a token depends on its neighbours, so there is no
table of texts, and a window that never commits is decoded again as a whole at each message. Only the ids
of the window are kept, and no committed text: the chunk needs no more of it than how far `sent` is past it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from harness.model import DetokenizeRequest
from impls.python.printable import REPLACEMENT, printable_length


@dataclass(slots=True)
class WindowStream:
    """The window of a stream: `ids`, of which the first `prefix` are committed.

    `sent` counts the code points that were shown of the new text, the one that isn't committed.
    """

    ids: list[int] = field(default_factory=list[int])
    prefix: int = 0
    sent: int = 0

    def advance(self, text: str) -> str:
        """The chunk, now that the new text is `text`."""
        if text and not text.endswith(REPLACEMENT):
            chunk = text[self.sent :]
            self.ids, self.prefix, self.sent = self.ids[self.prefix :], len(self.ids) - self.prefix, 0
            return chunk
        shown = printable_length(text)
        chunk, self.sent = text[self.sent : shown], shown
        return chunk


class WindowDetokenizer:
    """Detokenizes by decoding, for each message, the window and its prefix."""

    def __init__(self, tokenizer: Tokenizer, pieces: Sequence[str | None], eos_id: int | None) -> None:
        self._tokenizer = tokenizer
        self._known = [piece is not None for piece in pieces]
        self._eos_id = eos_id
        self._streams: dict[int, WindowStream] = {}
        self._single_lengths: dict[int, int] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch: one chunk a request."""
        chunks: list[str] = []
        for batch in _without_repeats(requests):
            chunks += self._detokenize(batch)
        return chunks

    def forget(self, uid: int) -> None:
        """Drop the stream."""
        self._streams.pop(uid, None)

    def close(self) -> None:
        """Drop all streams."""
        self._streams.clear()

    def _detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """The chunks of a batch whose uids are distinct."""
        fed: list[tuple[int, WindowStream]] = []
        for slot, request in enumerate(requests):
            if self._adds_something(request):
                stream = self._streams.setdefault(request.uid, WindowStream())
                stream.ids.append(request.next_token)
                fed.append((slot, stream))
        chunks = [""] * len(requests)
        for (slot, stream), text in zip(fed, self._new_texts([stream for _, stream in fed]), strict=True):
            chunks[slot] = stream.advance(text)
        for request in requests:
            if request.finished:
                self._streams.pop(request.uid, None)
        return chunks

    def _adds_something(self, request: DetokenizeRequest) -> bool:
        """Whether the token changes the window; if not, its text is the same again and the chunk is empty."""
        token = request.next_token
        ends = request.finished and token == self._eos_id
        return not ends and token < len(self._known) and self._known[token]

    def _new_texts(self, streams: Sequence[WindowStream]) -> list[str]:
        """The new text of each stream: its decoded window less the length of its decoded prefix."""
        lengths = self._prefix_lengths(streams)
        windows = self._decode([stream.ids for stream in streams])
        return [window[length:] for window, length in zip(windows, lengths, strict=True)]

    def _prefix_lengths(self, streams: Sequence[WindowStream]) -> list[int]:
        """The code points of each decoded prefix. Most are a single token, whose length is kept."""
        known = self._single_lengths
        missing = {s.ids[0] for s in streams if s.prefix == 1 and s.ids[0] not in known}
        longer = [s.ids[: s.prefix] for s in streams if s.prefix > 1]
        texts = iter(self._decode([[token] for token in missing] + longer))
        known.update({token: len(next(texts)) for token in missing})
        return [0 if s.prefix == 0 else known[s.ids[0]] if s.prefix == 1 else len(next(texts)) for s in streams]

    def _decode(self, windows: list[list[int]]) -> list[str]:
        return self._tokenizer.decode_batch(windows, skip_special_tokens=False) if windows else []


def _without_repeats(requests: Sequence[DetokenizeRequest]) -> Iterator[Sequence[DetokenizeRequest]]:
    """`requests`, cut before each uid that is already in the piece being made."""
    batch: list[DetokenizeRequest] = []
    uids: set[int] = set()
    for request in requests:
        if request.uid in uids:
            yield batch
            batch, uids = [], set()
        batch.append(request)
        uids.add(request.uid)
    if batch:
        yield batch
