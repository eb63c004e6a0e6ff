"""transformers.js 4.3.1: ideographs of Extension B were held back, where others are shown at once."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.python.printable import is_cjk
from impls.zoo.base import Detokenizer, windows

BUG = Bug(
    seen=("@huggingface/transformers 4.3.1",),
    symptom="a rare ideograph comes later than a common one would",
    cause="the test for ideographs is given a UTF-16 code unit, half of a character beyond U+FFFF",
    tokenizer="straddle",
    check="golden:late",
    smallest=stream(240, 160, 174, 476, 97),
)


def shown(text: str) -> int:
    """The printable part of a text, decided on UTF-16 code units."""
    units = text.encode("utf-16-le")
    chars = [chr(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2)]
    if text.endswith("\n") or (chars and is_cjk(chars[-1])):
        return len(text)
    if len(chars) > 1 and is_cjk(chars[-2]):
        return len(text) - 1
    return text.rfind(" ") + 1


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, shown=shown)
