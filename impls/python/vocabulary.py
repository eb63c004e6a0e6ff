"""What each token id stands for: tables made once from a tokenizer, one kind for each decoder family.

A table is a list indexed by id. Ids in gaps of the vocabulary decode to nothing, like those above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tokenizers import Tokenizer

from impls.python.printable import REPLACEMENT


def read_pieces(tokenizer: Tokenizer) -> list[str | None]:
    """The piece of each id, added tokens included; `None` for an id that has none."""
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    size = max(highest + 1, tokenizer.get_vocab_size(with_added_tokens=True))
    return [tokenizer.id_to_token(token) for token in range(size)]


# --- byte-level -----------------------------------------------------------------------------------------


def _byte_of_char() -> dict[str, int]:
    """GPT-2's alphabet: printable Latin-1 characters stand for themselves, the other bytes for U+0100 on."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in kept]
    return {chr(byte): byte for byte in kept} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


BYTE_OF_CHAR: Final = _byte_of_char()
_ALPHABET: Final = frozenset(BYTE_OF_CHAR)
_TO_LATIN_1: Final = {ord(char): chr(byte) for char, byte in BYTE_OF_CHAR.items()}


def byte_level_bytes(piece: str) -> bytes:
    """The bytes of a piece in the byte-level alphabet.

    A piece with a character outside it, such as `<｜User｜>`, is taken as it is: as its own UTF-8.
    """
    if _ALPHABET.issuperset(piece):
        return piece.translate(_TO_LATIN_1).encode("latin-1")
    return piece.encode()


@dataclass(frozen=True, slots=True)
class ByteLevelTable:
    """The bytes of each id, and the text of those that are whole: see `whole_text`.

    An id that stands for nothing has no bytes and the whole text ``""``.
    """

    bytes_of: Sequence[bytes]
    whole: Sequence[str | None]


def byte_level_table(pieces: Sequence[str | None]) -> ByteLevelTable:
    """The table of a tokenizer whose decoder is ByteLevel."""
    bytes_of = [b"" if piece is None else byte_level_bytes(piece) for piece in pieces]
    return ByteLevelTable(bytes_of, [_whole_or_nothing(data) for data in bytes_of])


def _whole_or_nothing(data: bytes) -> str | None:
    try:
        return whole_text(data.decode()) if data else ""
    except UnicodeDecodeError:
        return None


def whole_text(text: str) -> str | None:
    """`text` if a window that consists of it is committed at once, else `None`."""
    return text if text and not text.endswith(REPLACEMENT) else None


# --- byte_fallback --------------------------------------------------------------------------------------

FallbackPiece: TypeAlias = str | bytes | None
"""A token's text, or the one byte of a byte token, or `None` for an id that stands for nothing."""


@dataclass(frozen=True, slots=True)
class FallbackTable:
    """What each id stands for, and again the text of those that are whole.

    `strips_space` says that one leading space of a decoded window is dropped.
    """

    pieces: Sequence[FallbackPiece]
    whole: Sequence[str | None]
    strips_space: bool


@dataclass(frozen=True, slots=True)
class FallbackDecoder:
    """The decoder Sequence[Replace…, ByteFallback, Fuse, Strip?] of a SentencePiece BPE tokenizer."""

    replacements: Sequence[tuple[str, str]]
    strips_space: bool

    def table(self, pieces: Sequence[str | None]) -> FallbackTable:
        """The table of a tokenizer that has this decoder."""
        decoded = [None if piece is None else self._decode(piece) for piece in pieces]
        whole = [whole_text(piece) if isinstance(piece, str) else None for piece in decoded]
        return FallbackTable(decoded, whole, self.strips_space)

    def _decode(self, piece: str) -> str | bytes:
        for old, new in self.replacements:
            piece = piece.replace(old, new)
        byte = _byte_token(piece)
        return piece if byte is None else byte


def _byte_token(piece: str) -> bytes | None:
    """The byte of a piece such as `<0xE4>`."""
    if len(piece) != 6 or not (piece.startswith("<0x") and piece.endswith(">")):
        return None
    digits = piece[3:5]
    if digits.startswith("+"):  # the decoder's number parser takes a sign
        digits = digits[1:]
    hexadecimal = all(digit in "0123456789abcdefABCDEF" for digit in digits)
    return bytes([int(digits, 16)]) if hexadecimal else None


# --- the family of a decoder ----------------------------------------------------------------------------


def is_byte_level(decoder: Mapping[str, Any] | None) -> bool:
    """Whether a tokenizer.json's decoder is ByteLevel."""
    return decoder is not None and decoder.get("type") == "ByteLevel"


def fallback_decoder(decoder: Mapping[str, Any] | None) -> FallbackDecoder | None:
    """A tokenizer.json's decoder as a `FallbackDecoder`, or `None` if it is of another kind."""
    if decoder is None or decoder.get("type") != "Sequence":
        return None
    steps: list[Mapping[str, Any]] = list(decoder["decoders"])
    strips_space = bool(steps) and steps[-1] == {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    if strips_space:
        steps.pop()
    if [step["type"] for step in steps[-2:]] != ["ByteFallback", "Fuse"]:
        return None
    replacements: list[tuple[str, str]] = []
    for step in steps[:-2]:
        pattern = step.get("pattern", {}).get("String")
        if step["type"] != "Replace" or not pattern:
            return None
        replacements.append((pattern, step["content"]))
    return FallbackDecoder(replacements, strips_space)
