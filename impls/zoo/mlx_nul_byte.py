"""mlx-lm 0.31: a NUL byte came out as `Ā`."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.python.vocabulary import BYTE_OF_CHAR
from impls.zoo.base import Detokenizer, entry, pieces_of, windows

BUG = Bug(
    seen=("mlx-lm BPEStreamingDetokenizer, read and run",),
    symptom="NUL is shown as the character that stands for it in the vocabulary",
    cause="byte 0, looked up in the table of bytes, is taken for no byte at all",
    tokenizer="qwen2.5",
    check="golden:replaced",
    smallest=stream(188),
)


def to_bytes(piece: str) -> bytes:
    """The bytes of a piece; a character that isn't in the table stands for itself."""
    data = bytearray()
    for char in piece:
        byte = BYTE_OF_CHAR.get(char)
        if byte:
            data.append(byte)
        else:
            data.extend(char.encode())
    return bytes(data)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    pieces = pieces_of(tokenizer_dir)
    return windows(
        tokenizer_dir,
        decode=lambda ids: b"".join(to_bytes(entry(pieces, token) or "") for token in ids).decode(errors="replace"),
    )
