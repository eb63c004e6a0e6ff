"""Text cut into what a reader takes for characters, near enough to Swift's `Character`."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"


def graphemes(text: str) -> list[str]:
    """The grapheme clusters of a text: marks, joined emoji, skin tones, flags and CR LF stay together."""
    clusters: list[str] = []
    for char in text:
        if clusters and _extends(clusters[-1], char):
            clusters[-1] += char
        else:
            clusters.append(char)
    return clusters


def _extends(cluster: str, char: str) -> bool:
    last = cluster[-1]
    if last in "\r\n":
        return last == "\r" and char == "\n"
    if unicodedata.category(char) in ("Mn", "Me", "Mc") or char == _JOINER or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if _is_flag_half(char):
        return len(cluster) == 1 and _is_flag_half(cluster)
    return last == _JOINER and ord(char) > 0x2000


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
