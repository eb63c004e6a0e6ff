"""Characters in tokens: every way to write one, those that leave it uncommitted, and which are worth writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.tokenizer import Vocabulary

WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000\u200b\ufeff-,."
)
_BLOCKS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
_NOT_IDEOGRAPHS = (
    (0x0E00, 0x0E7F),  # Thai
    (0x1100, 0x11FF),  # Hangul Jamo
    (0x2E80, 0x2EFF),  # radicals
    (0x2F00, 0x2FDF),
    (0x2FF0, 0x2FFF),  # ideographic description
    (0x3000, 0x303F),  # punctuation
    (0x3005, 0x3007),  # of the Han script, and no ideographs of the rule
    (0x3040, 0x309F),  # Hiragana
    (0x30A0, 0x30FF),  # Katakana
    (0x3100, 0x312F),  # Bopomofo
    (0x3130, 0x318F),
    (0x3190, 0x319F),  # Kanbun
    (0x31A0, 0x31BF),
    (0x31C0, 0x31EF),  # strokes
    (0x31F0, 0x31FF),
    (0x3200, 0x32FF),  # enclosed
    (0x3300, 0x33FF),  # squared
    (0x4DC0, 0x4DFF),  # hexagrams
    (0xA000, 0xA48F),  # Yi
    (0xA960, 0xA97F),
    (0xAC00, 0xD7AF),  # Hangul syllables
    (0xD7B0, 0xD7FF),
    (0xFE10, 0xFE1F),  # vertical forms
    (0xFE30, 0xFE4F),  # compatibility forms
    (0xFE50, 0xFE6F),  # small forms
    (0xFF00, 0xFFEF),  # full and half width
    (0x16FE0, 0x16FFF),
    (0x17000, 0x187FF),  # Tangut
    (0x18B00, 0x18CFF),  # Khitan
    (0x1AFF0, 0x1AFFF),
    (0x1B000, 0x1B0FF),  # Kana supplement
    (0x1B170, 0x1B2FF),  # Nushu
    (0x1F200, 0x1F2FF),  # enclosed ideographs
    (0x1F300, 0x1F5FF),
    (0x2CEB0, 0x2EBEF),  # Extension F
    (0x2EBF0, 0x2EE5F),  # Extension I
    (0x30000, 0x3134F),  # Extension G
    (0x31350, 0x323AF),  # Extension H
    (0x323B0, 0x3347F),  # Extension J
    (0xE0100, 0xE01EF),  # variation selectors
)


def spell(text: str, by_bytes: Mapping[bytes, int]) -> list[int]:
    """A text in tokens of one byte each."""
    return spell_bytes(text.encode("utf-8", "surrogatepass"), by_bytes)


def spell_bytes(data: bytes, by_bytes: Mapping[bytes, int]) -> list[int]:
    """Bytes in tokens of one byte each."""
    return [by_bytes[data[at : at + 1]] for at in range(len(data))]


def compositions(data: bytes, by_bytes: Mapping[bytes, int]) -> Iterator[list[int]]:
    """Every way to write some bytes with the vocabulary's tokens."""
    if not data:
        yield []
    for size in range(1, len(data) + 1):
        if data[:size] in by_bytes:
            for rest in compositions(data[size:], by_bytes):
                yield [by_bytes[data[:size]], *rest]


def straddling_tokens(vocabulary: Vocabulary) -> dict[bytes, list[int]]:
    """The tokens that end in the beginning of a character, by the bytes before that beginning."""
    found: dict[bytes, list[int]] = {}
    for token in vocabulary.partial:
        data = vocabulary.bytes_by_id[token]
        lead = max(data.rfind(bytes([byte])) for byte in range(0xC2, 0xF5))
        if lead > 0 and len(data) - lead < _length(data[lead]):
            found.setdefault(data[:lead], []).append(token)
    return found


def _length(lead: int) -> int:
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def straddles(
    char: str, straddling: Mapping[bytes, list[int]], by_bytes: Mapping[bytes, int], most: int
) -> list[list[int]]:
    """Up to `most` ways to write a character so that its last token also begins another one."""
    data = char.encode()
    found = [
        [*spell_bytes(data[:cut], by_bytes), token]
        for cut in range(len(data))
        for token in straddling.get(data[cut:], [])
    ]
    return found[:most]


def block_probes(straddling: Mapping[bytes, list[int]]) -> Iterator[str]:
    """For each block the characters that can be left uncommitted nearest to its ends, inside and outside.

    The blocks beside them, which the rule leaves out and another might not, are probed from the inside.
    """

    def inside(point: int) -> bool:
        return any(low <= point <= high for low, high in _BLOCKS)

    def first(points: range, wanted: bool) -> str | None:
        for point in points:
            data = chr(point).encode()
            if inside(point) is wanted and any(data[cut:] in straddling for cut in range(len(data))):
                return chr(point)
        return None

    for low, high in _BLOCKS:
        probes = [
            first(range(low, high + 1), True),
            first(range(high, low - 1, -1), True),
            first(range((low + high) // 2, high + 1), True),
            first(range(low - 1, low - 200, -1), False),
            first(range(high + 1, high + 200), False),
            chr(low),
            chr(high),
        ]
        yield from dict.fromkeys(probe for probe in probes if probe is not None)
    for low, high in _NOT_IDEOGRAPHS:
        probes = [
            first(range(low, high + 1), False),
            first(range(high, low - 1, -1), False),
            first(range((low + high) // 2, high + 1), False),
        ]
        yield from dict.fromkeys(probe for probe in probes if probe is not None)
