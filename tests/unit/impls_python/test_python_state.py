"""What streams cost and keep, and what the backend does where the reference isn't followed."""

from __future__ import annotations

import codecs
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.model import DetokenizeRequest
from impls.python import bytefallback, factory
from impls.python.bytefallback import AT_REST, ByteFallbackDetokenizer
from impls.python.bytelevel import ByteLevelDetokenizer
from impls.python.held import Text
from impls.python.vocabulary import FallbackDecoder, byte_level_table, read_pieces
from impls.python.window import WindowDetokenizer
from tests.unit.impls_python.tiny import BEYOND, EOS, TINY, byte_fallback, byte_level, byte_piece, id_of

Folder = Callable[[str], pathlib.Path]


def feed(detokenizer: Any, *tokens: int, uid: int = 0) -> str:
    """The joined chunks of some tokens of one stream."""
    return "".join(detokenizer.detokenize([DetokenizeRequest(uid, token, False)])[0] for token in tokens)


def byte_level_detokenizer() -> ByteLevelDetokenizer:
    tokenizer = byte_level()
    return ByteLevelDetokenizer(byte_level_table(read_pieces(tokenizer)), tokenizer.token_to_id(EOS))


def byte_fallback_detokenizer() -> ByteFallbackDetokenizer:
    tokenizer = byte_fallback()
    table = FallbackDecoder([("▁", " ")], strips_space=True).table(read_pieces(tokenizer))
    return ByteFallbackDetokenizer(table, tokenizer.token_to_id(EOS))


class Work:
    """Counts the bytes that are decoded and the characters that are read back from held text."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self.characters = 0
        since = Text.since

        def counted_decode(data: bytes, errors: str, final: bool) -> tuple[str, int]:
            self.bytes += len(data)
            return codecs.utf_8_decode(data, errors, final)

        def counted_since(text: Text, start: int) -> str:
            taken = since(text, start)
            self.characters += len(taken)
            return taken

        for module in ("bytelevel", "bytefallback"):
            monkeypatch.setattr(f"impls.python.{module}.utf_8_decode", counted_decode)
        monkeypatch.setattr(Text, "since", counted_since)


N = 4000


def token(name: str, piece: str) -> int:
    return id_of(TINY[name](), piece)


@pytest.mark.parametrize(
    ("name", "cycle"),
    [
        ("byte_level", [0xE9]),  # one incomplete byte
        ("byte_level", ["\ufffd"]),
        ("byte_level", [byte_piece(b"\xe9\x96\xa2\xc3")]),  # 関 and an incomplete byte: the ideograph is shown
        ("byte_level", ["Ġï¿½"]),  # a space and U+FFFD
        ("byte_fallback", [0xE9]),
        ("byte_fallback", [0xC3, 0xA9, 0xFF]),  # a run that breaks at once and goes on
        ("byte_fallback", [0xEF, 0xBF, 0xBD]),  # a run that is valid again and again
        ("byte_fallback", ["関\ufffd"]),
        ("byte_fallback", ["▁\ufffd", 0xE9]),
    ],
)
def test_a_window_that_never_commits_costs_what_it_is_given(
    name: str, cycle: list[int | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    detokenizer = byte_level_detokenizer() if name == "byte_level" else byte_fallback_detokenizer()
    ids = [piece if isinstance(piece, int) else token(name, piece) for piece in cycle]
    work = Work(monkeypatch)
    shown = feed(detokenizer, *(ids * N)[:N])
    assert work.bytes <= 8 * N
    assert work.characters <= 2 * len(shown) + 2 * N
    assert len(shown) <= 3 * N


@pytest.mark.parametrize("name", ["byte_level", "byte_fallback"])
def test_held_text_is_forgotten_up_to_its_last_space(name: str) -> None:
    detokenizer = byte_level_detokenizer() if name == "byte_level" else byte_fallback_detokenizer()
    feed(detokenizer, *[token(name, "Ġï¿½" if name == "byte_level" else "▁\ufffd")] * N)
    streams = detokenizer._open if isinstance(detokenizer, ByteLevelDetokenizer) else detokenizer._streams
    settled = streams[0].held.settled
    assert settled.parts == ["\ufffd"]
    assert settled.length == 1


def test_a_committed_stream_is_not_kept() -> None:
    text, partial = token("byte_level", "ab"), 0xE9
    detokenizer = byte_level_detokenizer()
    feed(detokenizer, *[text] * 100, partial)
    assert list(detokenizer._open) == [0]
    feed(detokenizer, 0x96, 0xA2)
    assert not detokenizer._open


def test_a_committed_stream_is_kept_as_one_shared_object() -> None:
    detokenizer = byte_fallback_detokenizer()
    feed(detokenizer, token("byte_fallback", "a"), 0xC3, 0xA9)
    assert detokenizer._streams[0].debt == 1
    feed(detokenizer, token("byte_fallback", "a"))
    assert detokenizer._streams[0] is AT_REST
    assert bytefallback.Stream() == AT_REST


def test_a_window_keeps_no_id_that_was_committed_before_it() -> None:
    tokenizer = TINY["word_piece"]()
    detokenizer = WindowDetokenizer(tokenizer, read_pieces(tokenizer), tokenizer.token_to_id(EOS))
    feed(detokenizer, *[id_of(tokenizer, "he")] * 10)
    assert len(detokenizer._streams[0].ids) == 1


def test_a_window_keeps_no_id_that_stands_for_nothing() -> None:
    tokenizer = byte_level()  # any tokenizer can be decoded by windows; this one has a gap
    detokenizer = WindowDetokenizer(tokenizer, read_pieces(tokenizer), id_of(tokenizer, EOS))
    assert feed(detokenizer, 0xC3, *[257, BEYOND] * 10, 0xA9) == "é"
    feed(detokenizer, 0xC3, *[257, BEYOND] * 10)
    assert detokenizer._streams[0].ids == [0xC3, 0xA9, 0xC3]


class Walked(list[str]):
    """A list that counts how many items are walked from its end."""

    walked = 0

    def __reversed__(self) -> Iterator[str]:
        for item in super().__reversed__():
            self.walked += 1
            yield item


def test_reading_the_end_of_a_text_does_not_walk_through_it() -> None:
    text = Text()
    for _ in range(N):
        text.append("ab")
    parts = text.parts = Walked(text.parts)
    assert text.since(text.length - 3) == "bab"
    assert text.since(text.length) == ""
    assert parts.walked <= 4


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_repeated_uid_is_answered_as_in_two_batches(name: str, save_tiny: Folder) -> None:
    backend, apart = factory(save_tiny(name)), factory(save_tiny(name))
    ids = [*range(250, 275), 0, 1, 0xE9, 0x96, 0xA2] if name.startswith("byte") else list(range(8))
    batch = [DetokenizeRequest(i % 2, token, i in (7, 10)) for i, token in enumerate(ids)]
    assert backend.detokenize(batch) == [apart.detokenize([request])[0] for request in batch]


@pytest.mark.parametrize("name", sorted(TINY))
def test_an_aborted_stream_starts_afresh(name: str, save_tiny: Folder) -> None:
    backend, fresh = factory(save_tiny(name)), factory(save_tiny(name))
    begun = [token(name, "\ufffd"), 0xE9] if name.startswith("byte") else [1, 4]
    feed(backend, *begun, uid=7)
    backend.abort(7)
    backend.abort(8)  # never seen
    assert feed(backend, 2, 1, 3, uid=7) == feed(fresh, 2, 1, 3, uid=7)


@pytest.mark.parametrize("name", sorted(TINY))
def test_the_message_after_a_finish_begins_a_stream(name: str, save_tiny: Folder) -> None:
    backend, fresh = factory(save_tiny(name)), factory(save_tiny(name))
    bad = token(name, "\ufffd")
    backend.detokenize([DetokenizeRequest(7, bad, False)])
    backend.detokenize([DetokenizeRequest(7, bad, True)])
    assert feed(backend, 2, 1, 3, uid=7) == feed(fresh, 2, 1, 3, uid=7)


@pytest.mark.parametrize("bad", [-1, 2**32])
@pytest.mark.parametrize("name", sorted(TINY))
def test_a_token_that_is_no_id_changes_nothing(name: str, bad: int, save_tiny: Folder) -> None:
    backend, fresh = factory(save_tiny(name)), factory(save_tiny(name))
    with pytest.raises(ValueError, match=f"uid 9: {bad} is not a token id"):
        backend.detokenize([DetokenizeRequest(7, 0xE9 % 4, False), DetokenizeRequest(9, bad, False)])
    assert feed(backend, 2, 1, uid=7) == feed(fresh, 2, 1, uid=7)
    assert backend.detokenize([DetokenizeRequest(7, 2**32 - 1, False)]) == [""]
