"""Token streams: from the texts of a corpus, and made up from a tokenizer's vocabulary.

A generated corpus is a function of the vocabulary and a random source; `GENERATORS` names them.
One that a tokenizer has nothing to offer for (no tokens that are parts of characters) is empty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.model import TokenStream
from harness.tokenizer import Vocabulary

MOST_TOKENS = 4000
_CROWD = 2200
_MOST_CHARACTERS = 140_000
_PAST_12_BITS = MOST_TOKENS + 200
_SHORT_STREAMS = 768

_CHARS_BY_LENGTH = "$\x7f" + "\x80é\u07ff" + "\u0800中あ한\ud7ff\ue000\ufffd\uffff" + "\U00010000😀𠮷\U0010ffff"
_LEADS = (b"\xe4", b"\xe4\xb8", b"\xf0\x9f", b"\xf0\x9f\x98", b"\xc3", b"\xe0", b"\xed")
_WHITE_SPACE = (
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
_NOT_UTF8 = (
    "80", "bf", "c0 80", "c1 bf", "e0 80 80", "e0 9f bf", "ed a0 80", "ed bf bf", "ed a0 bd ed b8 80", "f0 80 80 80",
    "f0 8f bf bf", "f4 90 80 80", "f5 80 80 80", "f7 bf bf bf", "f8 88 80 80 80", "fc 84 80 80 80 80", "fe", "ff",
    "c3 c3 a9", "e4 e4 b8 ad", "e4 b8 e4 b8 ad", "f0 9f f0 9f 98 80", "f0 9f 98 f0 9f 98 80", "e4 80 80 80", "c3 28",
)  # fmt: skip
_WINDOW_LENGTHS = (
    1,
    2,
    3,
    4,
    5,
    8,
    9,
    16,
    17,
    32,
    33,
    64,
    65,
    128,
    129,
    256,
    257,
    512,
    513,
    1024,
    1025,
    2049,
)


def text_streams(
    encoded: Sequence[Sequence[int]], vocabulary: Vocabulary, chance: random.Random, most: int
) -> Iterator[TokenStream]:
    """Streams of encoded texts: some end with EOS, the others are cut off anywhere, also inside a character."""
    for ids in encoded:
        tokens = list(ids[:most])
        if chance.random() < 0.5:
            yield TokenStream([*tokens, vocabulary.eos_id])
        elif tokens:
            yield TokenStream(tokens[: chance.randint((len(tokens) + 1) // 2, len(tokens))])


def vocabulary(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Every id once, in a seeded order, in streams of 8 to 60 tokens."""
    ids = sorted(vocabulary.pieces)
    chance.shuffle(ids)
    at = 0
    while at < len(ids):
        size = chance.randint(8, 60)
        yield TokenStream(ids[at : at + size])
        at += size


def splits(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Characters of every UTF-8 length in every composition of tokens: whole, and cut at every position."""
    by_bytes = vocabulary.id_by_bytes
    if not vocabulary.partial:
        return
    contexts = [[], [by_bytes[b"a"]], [by_bytes[b" "]], _spell("中", by_bytes), _spell("\ufffd", by_bytes)]
    endings = [[vocabulary.eos_id], [by_bytes[b"b"]], [by_bytes[b" "]], [by_bytes[b"\xe4"]], []]
    for char, context in itertools.product(_CHARS_BY_LENGTH, contexts):
        for tokens in _compositions(char.encode("utf-8", "surrogatepass"), by_bytes):
            for cut in range(1, len(tokens) + 1):
                ending = endings[chance.randrange(len(endings))] if cut == len(tokens) else None
                for tail in [ending] if ending is not None else endings:
                    yield TokenStream([*context, *tokens[:cut], *tail])


def byte_biased(vocabulary: Vocabulary, chance: random.Random, streams: int = 900) -> Iterator[TokenStream]:
    """Random ids, half of them parts of characters; ids that the vocabulary lacks among the rest."""
    every = sorted(vocabulary.pieces)
    texts = {token: vocabulary.bytes_by_id[token].decode("utf-8", "replace") for token in every}
    partial = vocabulary.partial or tuple(every)
    kinds: list[tuple[float, Sequence[int]]] = [
        (0.5, partial),
        (0.1, [token for token in every if texts[token].startswith((" ", "▁"))]),
        (0.06, [token for token in every if texts[token].strip() == ""]),
        (0.1, [token for token in every if any("㐀" <= char <= "鿿" for char in texts[token])]),
        (0.05, [token for token in every if token not in partial and "\ufffd" in texts[token]]),
        (0.03, [vocabulary.eos_id]),
        (0.03, sorted(vocabulary.specials)),
        (0.03, [vocabulary.size, vocabulary.size + 262, 2**31 - 1, 2**31, 2**32 - 1]),
        (0.1, every),
    ]
    weights, pools = zip(*[(weight, pool) for weight, pool in kinds if pool], strict=True)
    for _ in range(streams):
        size = min(1 + int(chance.expovariate(1 / 24)), 160)
        picked = chance.choices(pools, weights, k=size)
        yield TokenStream([pool[chance.randrange(len(pool))] for pool in picked])


def cuts(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Uncommitted text whose last whole character is one that the printable rule does, or does not, look at.

    A character stays uncommitted only if the token that completes it also begins the next one,
    so each block is probed with the characters nearest to its ends for which the vocabulary has such tokens.
    """
    if not vocabulary.partial:
        return
    by_bytes = vocabulary.id_by_bytes
    straddling = _straddling(vocabulary)
    before = [[], [by_bytes[b"x"]], [by_bytes[b"x"], by_bytes[b" "]]]
    after = [
        [vocabulary.eos_id],
        [],
        [by_bytes[b"a"]],
        [by_bytes[b"\xb8"], by_bytes[b"\xad"], by_bytes[b"b"]],
        [by_bytes[b"\xe4"], by_bytes[b" "]],
    ]
    for char in [*_WHITE_SPACE, *_block_probes(straddling)]:
        plain = [_spell(char, by_bytes) + _spell_bytes(lead, by_bytes) for lead in _LEADS[:3]]
        for tokens in [*_straddles(char, straddling, by_bytes, 4), *plain]:
            first = before[chance.randrange(len(before))]
            for tail in after:
                yield TokenStream([*first, *tokens, *tail])


def eos(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """EOS in every place of short streams, finished and not, and other special tokens in its place."""
    ordinary = [token for token in sorted(vocabulary.pieces) if token not in vocabulary.specials]
    others = [token for token in sorted(vocabulary.specials) if token != vocabulary.eos_id]
    for ending in [vocabulary.eos_id, *chance.sample(others, min(12, len(others)))]:
        for size in (0, 1, 2, 3, 5, 8):
            for pool in (ordinary, vocabulary.partial or ordinary):
                tokens = [pool[chance.randrange(len(pool))] for _ in range(size)]
                place = chance.randint(0, size)
                yield TokenStream([*tokens, ending])
                yield TokenStream([*tokens, ending, ending])
                yield TokenStream([*tokens[:place], ending, *tokens[place:], ordinary[-1 - size]])
                yield TokenStream([*tokens, ending, vocabulary.eos_id])


def windows(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Runs of incomplete characters of growing length, then text or the end."""
    if not vocabulary.partial:
        return
    by_bytes = vocabulary.id_by_bytes
    lead, space, letter = by_bytes[b"\xe4"], by_bytes[b" "], by_bytes[b"a"]
    for size in _WINDOW_LENGTHS:
        mixed = [chance.choice((lead, space, vocabulary.partial[-1], by_bytes[b"\xf0"])) for _ in range(size)]
        yield TokenStream([letter, *[lead] * size, letter, letter])
        yield TokenStream([*mixed, lead, letter, space, vocabulary.eos_id])
        yield TokenStream([*mixed, lead, vocabulary.eos_id])
    yield TokenStream([lead] * _PAST_12_BITS + [letter])


def invalid(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Bytes that are not UTF-8, cut at every place, as a whole message and after text."""
    if not vocabulary.partial:
        return
    by_bytes = vocabulary.id_by_bytes
    before = [[], [by_bytes[b"a"]], _spell("中", by_bytes), [by_bytes[b" "]]]
    after = [[], [vocabulary.eos_id], [by_bytes[b"a"]], [by_bytes[b" "], by_bytes[b"b"]], [by_bytes[b"\x80"]]]
    for written, first in itertools.product(_NOT_UTF8, before):
        data = bytes.fromhex(written)
        if any(data[at : at + 1] not in by_bytes for at in range(len(data))):
            continue  # some vocabularies leave out the bytes that no text has
        for cut in range(1, len(data) + 1):
            for tail in after:
                yield TokenStream([*first, *_spell_bytes(data[:cut], by_bytes), *tail])


def limits(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Streams past what a narrow counter holds: over 131,072 characters, and over 4,096 tokens.

    A vocabulary of short tokens takes more than 65,536 of them to get there.
    """
    ordinary = [token for token in sorted(vocabulary.pieces) if token not in vocabulary.specials]
    lengths = {token: len(vocabulary.bytes_by_id[token].decode("utf-8", "replace")) for token in ordinary}
    # What ends inside a character would leave one window that takes quadratic time.
    whole = [token for token in ordinary if token not in vocabulary.partial_set]
    longest = sorted(whole, key=lambda token: (-lengths[token], token))[:8]
    need = _MOST_CHARACTERS // lengths[longest[-1]] + 1
    yield TokenStream([*(longest[at % len(longest)] for at in range(need)), vocabulary.eos_id])
    few = chance.sample(ordinary, 40)
    yield TokenStream([few[chance.randrange(len(few))] for _ in range(MOST_TOKENS + 1000)])


def idle(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Streams that are silent for thousands of batches before their last token, and one that goes on meanwhile."""
    ordinary = [token for token in sorted(vocabulary.pieces) if token not in vocabulary.specials]
    held = vocabulary.partial or ordinary
    for size in (1, 2, 3, 8):
        for ending in (ordinary[chance.randrange(len(ordinary))], held[chance.randrange(len(held))]):
            tokens = [pool[chance.randrange(len(pool))] for pool in (ordinary, held) for _ in range(size)]
            yield TokenStream([*tokens, ending], rest=_PAST_12_BITS)
    few = chance.sample(ordinary, 40)
    yield TokenStream([few[chance.randrange(len(few))] for _ in range(_PAST_12_BITS + 50)])


def crowd(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Short streams for a program in which more than 1,024 are alive at once."""
    few = chance.sample(sorted(vocabulary.pieces), 200)
    partial = vocabulary.partial or few
    for _ in range(_CROWD):
        pools = [few, partial, few, partial][: chance.randint(2, 4)]
        yield TokenStream([pool[chance.randrange(len(pool))] for pool in pools])


def ends(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Streams of one token each, for batches in which every stream ends."""
    few = [*chance.sample(sorted(vocabulary.pieces), 60), vocabulary.eos_id]
    partial = vocabulary.partial or few
    for at in range(_SHORT_STREAMS):
        pool = few if at % 2 else partial
        yield TokenStream([pool[chance.randrange(len(pool))]])


def aborts(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Byte-biased streams, every other one given up, some of them before their first token."""
    for place, stream in enumerate(byte_biased(vocabulary, chance, streams=400)):
        yield TokenStream(() if place % 16 == 0 else stream.tokens[:12], aborted=place % 2 == 0)


GENERATORS: Mapping[str, Callable[[Vocabulary, random.Random], Iterator[TokenStream]]] = {
    "vocabulary": vocabulary,
    "splits": splits,
    "bytes": byte_biased,
    "cuts": cuts,
    "eos": eos,
    "windows": windows,
    "aborts": aborts,
    "invalid": invalid,
    "limits": limits,
    "idle": idle,
    "crowd": crowd,
    "ends": ends,
}


def _spell(text: str, by_bytes: Mapping[bytes, int]) -> list[int]:
    return _spell_bytes(text.encode("utf-8", "surrogatepass"), by_bytes)


def _spell_bytes(data: bytes, by_bytes: Mapping[bytes, int]) -> list[int]:
    return [by_bytes[data[at : at + 1]] for at in range(len(data))]


def _compositions(data: bytes, by_bytes: Mapping[bytes, int]) -> Iterator[list[int]]:
    """Every way to write some bytes with the vocabulary's tokens."""
    if not data:
        yield []
    for size in range(1, len(data) + 1):
        if data[:size] in by_bytes:
            for rest in _compositions(data[size:], by_bytes):
                yield [by_bytes[data[:size]], *rest]


def _straddling(vocabulary: Vocabulary) -> dict[bytes, list[int]]:
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


def _straddles(
    char: str, straddling: Mapping[bytes, list[int]], by_bytes: Mapping[bytes, int], most: int
) -> list[list[int]]:
    """Up to `most` ways to write a character so that its last token also begins another one."""
    data = char.encode()
    found = [
        [*_spell_bytes(data[:cut], by_bytes), token]
        for cut in range(len(data))
        for token in straddling.get(data[cut:], [])
    ]
    return found[:most]


def _block_probes(straddling: Mapping[bytes, list[int]]) -> Iterator[str]:
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
