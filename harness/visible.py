"""Text made fit to be read in a report: what can't be seen is escaped."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}


def visible(text: str, most: int = 160, around: int = 0) -> str:
    """A quoted text with its invisible characters as \\u escapes; of a long one `most` characters `around` a place."""
    start = max(0, around - most // 2) if len(text) > most else 0
    end = min(len(text), start + most)
    shown = "".join(_show(char) for char in text[start:end])
    return f"{'…' if start else ''}'{shown}'{'…' if end < len(text) else ''}"


def escaped(text: str) -> str:
    """A text of several lines with whatever else a terminal would act upon escaped."""
    return "".join(char if char == "\n" else _show(char) for char in text)


def _show(char: str) -> str:
    if char in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char]
    hidden = unicodedata.category(char) in _HIDDEN or (unicodedata.category(char) == "Zs" and char != " ")
    if hidden or unicodedata.combining(char) or unicodedata.category(char) == "Me":
        point = ord(char)
        return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
    return char
