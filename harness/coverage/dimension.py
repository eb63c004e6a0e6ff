"""Coverage in one dimension: what there is, what of it is exercised, and the cheapest case for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Case = dict[str, object]
"""A case as data: `tokens` of one stream, or a `prompt`, or a `batch`; empty if none is known."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Something that no golden exercises, and the cheapest case that would."""

    item: str
    case: Case


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of one tokenizer."""

    name: str
    covered: tuple[str, ...]
    holes: tuple[Hole, ...]

    @property
    def size(self) -> int:
        """How many items there are."""
        return len(self.covered) + len(self.holes)


def dimension(name: str, every: Iterable[str], seen: Iterable[str], cheapest: Callable[[str], Case]) -> Dimension:
    """A dimension of which `every` item is known to exist; what was seen exists, too."""
    found = sorted(set(seen))
    missing = sorted(set(every) - set(found))
    return Dimension(name, tuple(found), tuple(Hole(item, cheapest(item)) for item in missing))
