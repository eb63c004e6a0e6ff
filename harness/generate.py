"""Token streams: from the texts of a corpus, and made up from a tokenizer's vocabulary.

A generated corpus is a function of the vocabulary and a random source; `GENERATORS` names them.
One that a tokenizer has nothing to offer for (no tokens that are parts of characters) is empty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.model import TokenStream
from harness.spelling import WHITE_SPACE, block_probes, compositions, spell, spell_bytes, straddles, straddling_tokens
from harness.tokenizer import Vocabulary

MOST_TOKENS = 4000
_CROWD = 2200
_PAST_17_BITS, _PAST_20_BITS = 140_000, 1_060_000
_MOST_FOR_20_BITS = 16_000
"""Tokens that a stream past 20 bits may take; where it takes more it stays past 17."""
_PAST_12_BITS = MOST_TOKENS + 200
_SHORT_STREAMS = 768

_CHARS_BY_LENGTH = "$\x7f" + "\x80é\u07ff" + "\u0800中あ한\ud7ff\ue000\ufffd\uffff" + "\U00010000😀𠮷\U0010ffff"
_LEADS = (b"\xe4", b"\xe4\xb8", b"\xf0\x9f", b"\xf0\x9f\x98", b"\xc3", b"\xe0", b"\xed")
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
    contexts = [[], [by_bytes[b"a"]], [by_bytes[b" "]], spell("中", by_bytes), spell("\ufffd", by_bytes)]
    endings = [[vocabulary.eos_id], [by_bytes[b"b"]], [by_bytes[b" "]], [by_bytes[b"\xe4"]], []]
    for char, context in itertools.product(_CHARS_BY_LENGTH, contexts):
        for tokens in compositions(char.encode("utf-8", "surrogatepass"), by_bytes):
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
    straddling = straddling_tokens(vocabulary)
    before = [[], [by_bytes[b"x"]], [by_bytes[b"x"], by_bytes[b" "]]]
    after = [
        [vocabulary.eos_id],
        [],
        [by_bytes[b"a"]],
        [by_bytes[b"\xb8"], by_bytes[b"\xad"], by_bytes[b"b"]],
        [by_bytes[b"\xe4"], by_bytes[b" "]],
    ]
    for char in [*WHITE_SPACE, *block_probes(straddling)]:
        plain = [spell(char, by_bytes) + spell_bytes(lead, by_bytes) for lead in _LEADS[:3]]
        for tokens in [*straddles(char, straddling, by_bytes, 4), *plain]:
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
    before = [[], [by_bytes[b"a"]], spell("中", by_bytes), [by_bytes[b" "]]]
    after = [[], [vocabulary.eos_id], [by_bytes[b"a"]], [by_bytes[b" "], by_bytes[b"b"]], [by_bytes[b"\x80"]]]
    for written, first in itertools.product(_NOT_UTF8, before):
        data = bytes.fromhex(written)
        if any(data[at : at + 1] not in by_bytes for at in range(len(data))):
            continue  # some vocabularies leave out the bytes that no text has
        for cut in range(1, len(data) + 1):
            for tail in after:
                yield TokenStream([*first, *spell_bytes(data[:cut], by_bytes), *tail])


def limits(vocabulary: Vocabulary, chance: random.Random) -> Iterator[TokenStream]:
    """Streams past what a narrow counter holds: over 1,048,576 characters, and over 4,096 tokens.

    With a vocabulary of short tokens there are over 131,072 characters, and more than 65,536 tokens if it takes them.
    """
    ordinary = [token for token in sorted(vocabulary.pieces) if token not in vocabulary.specials]
    lengths = {token: len(vocabulary.bytes_by_id[token].decode("utf-8", "replace")) for token in ordinary}
    # What ends inside a character would leave one window that takes quadratic time.
    whole = [token for token in ordinary if token not in vocabulary.partial_set]
    longest = sorted(whole, key=lambda token: (-lengths[token], token))[:8]
    need = _PAST_20_BITS // lengths[longest[-1]] + 1
    if need > _MOST_FOR_20_BITS:
        need = _PAST_17_BITS // lengths[longest[-1]] + 1
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
