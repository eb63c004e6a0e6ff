"""Which merge of a BPE makes two tokenizers cut the same text otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, TypeAlias

from harness.visible import visible

Pair: TypeAlias = tuple[str, str]
_LONGEST = 200


class Merges:
    """The merges of both sides."""

    def __init__(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        self._one, self._other = ranks(one), ranks(other)

    def cause(self, text: str) -> str:
        """The merge that two ways to cut a text come of; empty if no merge explains it."""
        if self._one == self._other or len(text) > _LONGEST:
            return ""
        before, after = _applied(text, self._one), _applied(text, self._other)
        lost = [pair for pair in before if pair not in self._other]
        new = [pair for pair in after if pair not in self._one]
        if lost:
            return f"the merge {_shown(min(lost, key=self._one.__getitem__))} is gone"
        if new:
            return f"the merge {_shown(min(new, key=self._other.__getitem__))} is new"
        step = next((pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]), None)
        if step is None:
            return ""
        return f"the merge {_shown(step[1])} comes before {_shown(step[0])}"


def ranks(pipeline: Mapping[str, Any]) -> dict[Pair, int]:
    """The merges of a pipeline, best first; none if it is no BPE."""
    found: dict[Pair, int] = {}
    for rank, merge in enumerate(pipeline.get("model", {}).get("merges") or ()):
        # Written as "a b" by older versions of the library, as a pair by newer ones.
        left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
        found.setdefault((left, right), rank)
    return found


def _applied(text: str, order: Mapping[Pair, int]) -> list[Pair]:
    """The merges that BPE applies to a text, in turn."""
    parts = list(text)
    applied: list[Pair] = []
    while True:
        best = min(itertools.pairwise(parts), key=lambda pair: order.get(pair, len(order)), default=None)
        if best is None or best not in order:
            return applied
        at = next(at for at in range(len(parts) - 1) if (parts[at], parts[at + 1]) == best)
        parts[at : at + 2] = ["".join(best)]
        applied.append(best)


def _shown(pair: Pair) -> str:
    return f"{visible(pair[0])} + {visible(pair[1])}"
