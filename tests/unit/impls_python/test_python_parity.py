"""The implementation against the reference's algorithm, on tiny tokenizers full of difficult tokens."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import DetokenizeRequest
from impls.python import PythonBackend, factory
from tests.unit.impls_python.tiny import BEYOND, EOS, TINY, Naive, byte_level, byte_piece, id_of, save

# The bytes that make up é, 関, U+FFFD and 👍, a space, a letter, and two that are valid nowhere.
BYTES = [*b"\xc3\xa9", *b"\xe9\x96\xa2", *b"\xef\xbf\xbd", *b"\xf0\x9f\x91\x8d", *b" a", 0xED, 0xFF]


@pytest.fixture(scope="module", params=sorted(TINY))
def pair(
    request: pytest.FixtureRequest, save_tiny: Callable[[str], pathlib.Path]
) -> tuple[PythonBackend, Naive, list[int]]:
    """The backend, the reference's algorithm and the ids to draw from, for one tiny tokenizer."""
    name: str = request.param
    tokenizer = TINY[name]()
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    ids = [token for token in vocabulary.values() if not name.startswith("byte") or token >= 256]
    ids += BYTES if name.startswith("byte") else []
    return factory(save_tiny(name)), Naive(tokenizer), [*ids, 257, BEYOND, 2**32 - 1]


def program(ids: list[int], palette: bytes, tokens: bytes, uids: bytes) -> list[list[DetokenizeRequest]]:
    """Batches of messages to three uids, out of bytes: drawn and shrunk much faster than objects.

    With a palette, all tokens are out of its few.
    """
    drawn = [ids[byte % len(ids)] for byte in palette] or ids
    batches: list[list[DetokenizeRequest]] = [[]]
    for token, byte in zip(tokens, uids, strict=False):
        uid, finished = byte % 3, byte >= 240
        if byte % 2 or any(request.uid == uid for request in batches[-1]):
            batches.append([])
        batches[-1].append(DetokenizeRequest(uid, drawn[token % len(drawn)], finished))
    return [*batches, [DetokenizeRequest(uid, ids[0], True) for uid in range(3)]]


def test_random_programs(pair: tuple[PythonBackend, Naive, list[int]]) -> None:
    backend, naive, ids = pair

    @settings(derandomize=True, deadline=None, max_examples=500, database=None)
    @given(st.binary(max_size=5), st.binary(max_size=80), st.binary(min_size=80, max_size=80))
    def run(palette: bytes, tokens: bytes, uids: bytes) -> None:
        for batch in program(ids, palette, tokens, uids):
            assert backend.detokenize(batch) == naive.detokenize(batch)

    run()


# Every stream of five of these, some of which are several tokens: what random programs may miss.
SHORT: dict[str, list[int | str | bytes]] = {
    "byte_level": [0xE9, 0xBF, 0xBD, byte_piece("関".encode() + b"\xef\xbf"), "\ufffd", "Ġa"],
    "byte_fallback": ["▁", b" ", b"\xc3", b"\xa9", b"\xef\xbf\xbd", "\ufffd", "a"],
    "byte_fallback_without_strip": ["▁", b" ", b"\xc3", b"\xa9", b"\xef\xbf\xbd", "関\ufffd", ""],
    "word_piece": ["he", "##llo", "関\ufffd", "\ufffd", ".", "##\ufffd"],
    "no_decoder": ["a", "", "\ufffd", "関", "関\ufffd", " "],
}


@pytest.mark.parametrize("name", sorted(TINY))
def test_every_short_stream(name: str, save_tiny: Callable[[str], pathlib.Path]) -> None:
    tokenizer = TINY[name]()

    def ids(item: int | str | bytes) -> list[int]:
        if isinstance(item, bytes):
            return list(item)
        return [item if isinstance(item, int) else id_of(tokenizer, item)]

    streams = itertools.product([ids(item) for item in SHORT[name]], repeat=5)
    assert_equal_streams(
        factory(save_tiny(name)), Naive(tokenizer), [list(itertools.chain(*parts)) for parts in streams]
    )


def test_every_kind_of_invalid_bytes(tmp_path: pathlib.Path) -> None:
    firsts, others = range(0xC0, 0x100), [*b" \x7f\x80\x8f\x90\x9f\xa0\xbf\xc2\xe1\xff"]
    # An ideograph before them shows where the last character begins.
    pieces = [byte_piece("関".encode() + bytes([first])) for first in firsts]
    tokenizer = byte_level(pieces)
    begun = [id_of(tokenizer, piece) for piece in pieces]
    streams = [list(stream) for stream in itertools.product(begun, others, others, [0xBF], b" ")]
    assert_equal_streams(factory(save(tokenizer, tmp_path)), Naive(tokenizer), streams)


def assert_equal_streams(backend: PythonBackend, naive: Naive, streams: list[list[int]]) -> None:
    """Feed all streams side by side to both."""
    for step in range(max(map(len, streams))):
        batch = [DetokenizeRequest(uid, ids[step], False) for uid, ids in enumerate(streams) if step < len(ids)]
        chunks = zip(backend.detokenize(batch), naive.detokenize(batch), strict=True)
        for request, (got, expected) in zip(batch, chunks, strict=True):
            assert got == expected, streams[request.uid][: step + 1]


@pytest.mark.parametrize("name", ["byte_level", "byte_fallback"])
def test_a_token_that_is_not_the_end_is_shown_at_the_end(name: str, save_tiny: Callable[[str], pathlib.Path]) -> None:
    tokenizer = TINY[name]()
    backend, letter, eos = factory(save_tiny(name)), id_of(tokenizer, "a"), id_of(tokenizer, EOS)
    shown = [
        backend.detokenize([DetokenizeRequest(0, token, finished)])[0]
        for token, finished in ((eos, False), (letter, True), (eos, True))
    ]
    assert shown == [EOS, "a", ""]
