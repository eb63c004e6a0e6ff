"""What the laws know of a tokenizer: the text of a list of ids as a whole, and how much of it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from harness.script import ID_LIMIT, Stream
from harness.tokenizer import Codec, Vocabulary

REPLACEMENT = "\ufffd"
_KEPT = 1 << 17


class FullDecoder:
    """Decodes whole streams, never a part of one.

    `settled` is a lower bound: text that no further token can change, whatever the decoder. Where tokens are bytes that
    is the text without the U+FFFD at its end. Where neighbouring byte tokens are joined (byte_fallback), one more
    can rewrite the whole run, so the run at the end is left out, too.
    """

    def __init__(self, codec: Codec, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.eos_id = codec.eos_id
        decode = codec.decode_batch

        @lru_cache(_KEPT)
        def text_of(ids: tuple[int, ...]) -> str:
            return decode([ids])[0] if ids else ""

        self._text_of = text_of
        self.eos_text = text_of((codec.eos_id,)).strip()

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; those that can't be ids have none."""
        if any(not 0 <= token < ID_LIMIT for token in ids):
            ids = [token for token in ids if 0 <= token < ID_LIMIT]
        return self._text_of(tuple(ids))

    def settled(self, ids: Sequence[int]) -> str:
        """The beginning of the text that no further token can change, or somewhat less."""
        end = len(ids)
        joined, pieces = self.vocabulary.byte_tokens, self.vocabulary.pieces
        while joined and end and (ids[end - 1] in joined or ids[end - 1] not in pieces):
            end -= 1
        return self.decode(ids[:end]).rstrip(REPLACEMENT)

    def ids_of(self, stream: Stream) -> list[int]:
        """The ids that a stream's text is made of: all but an EOS that ends it."""
        ids = [message.token for message in stream.messages]
        return ids[:-1] if stream.finished and ids[-1] == self.eos_id else ids
