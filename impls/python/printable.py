"""The printable part of a text: how much of it the reference shows before it is committed."""

from __future__ import annotations

from typing import Final

REPLACEMENT: Final = "\ufffd"
"""U+FFFD, what invalid bytes decode to; a text that ends in it is not committed."""

CJK_RANGES: Final = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_cjk(char: str) -> bool:
    """Whether `char` is one CJK ideograph; the empty string isn't."""
    if char < "\u3400":
        return False
    point = ord(char)
    return any(first <= point <= last for first, last in CJK_RANGES)


def printable_length(text: str) -> int:
    """How many leading code points of `text` are its printable part."""
    if text.endswith("\n") or is_cjk(text[-1:]):
        return len(text)
    if is_cjk(text[-2:-1]):
        return len(text) - 1
    return text.rfind(" ") + 1
