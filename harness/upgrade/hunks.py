"""Where two sequences differ: of texts the first place, of pieces every place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_RESYNC = 8
_FARTHEST = 64


@dataclass(frozen=True, slots=True)
class Hunk:
    """What the one sequence has from `start` to `end`, and what the other has from `other_start` to `other_end`."""

    start: int
    end: int
    other_start: int
    other_end: int


def first_hunk(one: Sequence[object], other: Sequence[object]) -> Hunk:
    """The first place where two different sequences differ, up to where they go on alike, or to the end."""
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    for total in range(1, 2 * _FARTHEST):
        for i in range(max(0, total - _FARTHEST), min(total, _FARTHEST) + 1):
            a, b = start + i, start + total - i
            if a > len(one) or b > len(other):
                continue
            tail, other_tail = one[a : a + _RESYNC], other[b : b + _RESYNC]
            ends = len(tail) < _RESYNC or len(other_tail) < _RESYNC
            if tail == other_tail and (not ends or (a + len(tail) == len(one) and b + len(tail) == len(other))):
                return Hunk(start, a, start, b)
    return Hunk(start, len(one), start, len(other))


def piece_hunks(one: Sequence[str], other: Sequence[str]) -> Iterator[Hunk]:
    """Every place where two ways to cut a text differ, each up to the next cut that both have.

    Pieces of different texts have one place: between what they begin with and what they end with alike.
    """
    if "".join(one) != "".join(other):
        yield _between(one, other)
        return
    at = other_at = start = other_start = 0
    length = other_length = 0
    while at < len(one) or other_at < len(other):
        if length <= other_length and at < len(one):
            length, at = length + len(one[at]), at + 1
        else:
            other_length, other_at = other_length + len(other[other_at]), other_at + 1
        if length == other_length and at > start and other_at > other_start:
            if one[start:at] != other[other_start:other_at]:
                yield Hunk(start, at, other_start, other_at)
            start, other_start = at, other_at
    if one[start:] != other[other_start:]:  # pieces without text
        yield Hunk(start, len(one), other_start, len(other))


def _between(one: Sequence[str], other: Sequence[str]) -> Hunk:
    most = min(len(one), len(other))
    start = next((at for at in range(most) if one[at] != other[at]), most)
    most -= start
    tail = next((at for at in range(most) if one[-1 - at] != other[-1 - at]), most)
    return Hunk(start, len(one) - tail, start, len(other) - tail)
