"""Characters that a stream's tokens cut: their UTF-8 length, the place of the cut, and what came of them."""

from __future__ import annotations

from codecs import utf_8_decode

from harness.coverage.dimension import Case
from harness.tokenizer import Vocabulary

_OUTCOMES = ("goes on", "is broken off", "is cut off by the end")
_CHARACTERS = {2: "é", 3: "中", 4: "😀"}


def items(vocabulary: Vocabulary) -> list[str]:
    """Every length, place and outcome; none for a tokenizer that has no parts of characters."""
    if not vocabulary.partial:
        return []
    return [_item(size, at, outcome) for size in _CHARACTERS for at in range(1, size) for outcome in _OUTCOMES]


def cheapest(item: str, vocabulary: Vocabulary) -> Case:
    """A stream of byte tokens that has an item."""
    size, at, outcome = next(
        (size, at, outcome)
        for size in _CHARACTERS
        for at in range(1, size)
        for outcome in _OUTCOMES
        if _item(size, at, outcome) == item
    )
    data = _CHARACTERS[size].encode()
    tokens = [vocabulary.id_by_bytes[data[place : place + 1]] for place in range(at if outcome != "goes on" else size)]
    return {"tokens": [*tokens, vocabulary.id_by_bytes[b"a"]] if outcome == "is broken off" else tokens}


class Splits:
    """Follows streams byte by byte, and collects what becomes of characters that are begun."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.seen: set[str] = set()
        self._bytes = vocabulary.bytes_by_id
        self._partial = vocabulary.partial_set
        self._begun: dict[int, bytes] = {}

    def feed(self, uid: int, token: int) -> None:
        """A token of a stream."""
        begun = self._begun.pop(uid, b"")
        if not begun and token not in self._partial:
            return
        data = self._bytes.get(token, b"")
        if not data:
            self._begun.update({uid: begun} if begun else {})
            return
        if begun:
            self.seen.add(_item(_length(begun[0]), len(begun), _OUTCOMES[not _continues(begun, data[:1])]))
        joined = begun + data
        rest = joined[utf_8_decode(joined, "replace", False)[1] :]
        if rest:
            self._begun[uid] = rest

    def end(self, uid: int) -> None:
        """A stream ends, by a finish or an abort."""
        begun = self._begun.pop(uid, b"")
        if begun:
            self.seen.add(_item(_length(begun[0]), len(begun), _OUTCOMES[2]))


def _item(size: int, at: int, outcome: str) -> str:
    return f"{size} bytes, after {at}: {outcome}"


def _length(lead: int) -> int:
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _continues(begun: bytes, byte: bytes) -> bool:
    try:
        utf_8_decode(begun + byte, "strict", False)
    except UnicodeDecodeError:
        return False
    return True
