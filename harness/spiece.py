"""SentencePiece model files: just what a tokenizer.json is made of.

The file is a protocol buffer. Reading the few fields that matter takes less than a generated reader and its library,
and the result doesn't depend on which version of them is installed.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import AssetError

_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE, _SCORE, _KIND = 1, 2, 3
_MODEL_TYPE, _BYTE_FALLBACK, _SUFFIX = 3, 35, 24
_CHARSMAP, _DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE = 2, 3, 4, 5

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Field = int | bytes


class Kind(enum.IntEnum):
    """What a piece is."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class Algorithm(enum.IntEnum):
    """How a text is cut into pieces."""

    UNIGRAM = 1
    BPE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of the vocabulary; its place is its id. The score is a 32-bit float."""

    text: str
    score: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Model:
    """A model that writes spaces as U+2581, all of them, puts one before the text and falls back to bytes."""

    algorithm: Algorithm
    pieces: tuple[Piece, ...]


def read_model(data: bytes) -> Model:
    """A model file. Raises `AssetError` if it isn't one, or one of a kind that isn't known here."""
    try:
        pieces = [_piece(field) for number, field in _fields(data) if number == _PIECES and isinstance(field, bytes)]
        trainer, normalizer = _message(data, _TRAINER), _message(data, _NORMALIZER)
        algorithm = Algorithm(_number(trainer, _MODEL_TYPE, Algorithm.UNIGRAM))
    except (ValueError, IndexError, struct.error) as error:
        raise AssetError(
            "a SentencePiece model can't be read", cause=str(error), hint="check the pinned list"
        ) from error
    unknown = {
        "it normalizes characters": bool(normalizer.get(_CHARSMAP)),
        "it puts no space before a text": not _number(normalizer, _DUMMY_PREFIX, 1),
        "it drops spaces": bool(_number(normalizer, _REMOVE_SPACES, 1)),
        "it leaves spaces as they are": not _number(normalizer, _ESCAPE, 1),
        "it puts spaces after words": bool(_number(trainer, _SUFFIX, 0)),
        "it has no byte_fallback": not _number(trainer, _BYTE_FALLBACK, 0),
    }
    if any(unknown.values()):
        raise AssetError(
            "a SentencePiece model is of a kind that can't be converted",
            cause="; ".join(what for what, holds in unknown.items() if holds),
            hint="extend harness/spiece.py and harness/convert.py, or pin another file",
        )
    return Model(algorithm, tuple(pieces))


def _piece(data: bytes) -> Piece:
    fields = dict(_fields(data))
    text, score = fields[_PIECE], fields.get(_SCORE, b"\0\0\0\0")
    if not isinstance(text, bytes) or not isinstance(score, bytes):
        raise ValueError("a piece has a field of the wrong type")
    return Piece(text.decode("utf-8"), struct.unpack("<f", score)[0], Kind(_number(fields, _KIND, Kind.NORMAL)))


def _message(data: bytes, wanted: int) -> dict[int, Field]:
    found = [field for number, field in _fields(data) if number == wanted]
    return dict(_fields(found[-1])) if found and isinstance(found[-1], bytes) else {}


def _number(fields: dict[int, Field], number: int, default: int) -> int:
    value = fields.get(number, default)
    if not isinstance(value, int):
        raise ValueError(f"field {number} is not a number")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, Field]]:
    """The fields of a message by number; what has a fixed width is left as its bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire} is not one that is written today")
        if at + size > len(data):
            raise ValueError("it is cut off")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
