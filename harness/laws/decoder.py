"""What the laws know of a tokenizer: the text of a list of ids as a whole, and how much of it is settled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from harness.script import ID_LIMIT, Stream
from harness.tokenizer import Codec, Vocabulary

_KEPT = 1 << 17
_FIRST_BYTES = re.compile(
    rb"[\xc2-\xf4]|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]"
    rb"|(\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]?",
)


class FullDecoder:
    """Decodes whole streams, never a part of one.

    Text is settled when no further token can change it. Where tokens are bytes, what is not are those at the end that
    begin a character. Where neighbouring byte tokens are joined (byte_fallback) it is the whole run of them at the end:
    one more can rewrite all of it.
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
        vocabulary = self.vocabulary
        if vocabulary.family == "byte-level":
            text = self.decode(ids)
            return text[:-1] if _begins_a_character([vocabulary.bytes_by_id.get(token, b"") for token in ids]) else text
        end = len(ids)
        joined, pieces = vocabulary.byte_tokens, vocabulary.pieces
        while joined and end and (ids[end - 1] in joined or ids[end - 1] not in pieces):
            end -= 1
        return self.decode(ids[:end])

    def ids_of(self, stream: Stream) -> list[int]:
        """The ids that a stream's text is made of: all but an EOS that ends it."""
        ids = [message.token for message in stream.messages]
        return ids[:-1] if stream.finished and ids[-1] == self.eos_id else ids


def _begins_a_character(parts: Sequence[bytes]) -> bool:
    """Whether bytes end in the beginning of a character, for which they decode to one U+FFFD."""
    tail = b""
    for part in reversed(parts):
        tail = part + tail
        if len(tail) >= 3:
            break
    return any(_FIRST_BYTES.fullmatch(tail[-size:]) for size in (1, 2, 3) if len(tail) >= size)
