"""Differences, and the groups that a reviewer reads: what has one cause is one item, with its smallest example."""

from __future__ import annotations

import enum
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

MOST_GROUPS = 50
_MOST_ALIKE = 5


class Change(enum.StrEnum):
    """The class of a difference, by what it means to a user of the tokenizer."""

    NOT_LOADED = "the tokenizer can't be loaded"
    SPECIALS = "new or lost special tokens"
    TEMPLATE = "template output"
    NORMALISATION = "normalisation or Unicode version"
    IDS = "ids moved, text the same"
    TEXT = "text changed"
    CHUNKS = "chunk boundaries only"
    QUESTIONS = "asked on one side only"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two sides differ: its class, its cause, and both sides made visible.

    `wider` is the cause told less exactly, for when there are too many. `size` is that of what was asked, to find the
    smallest example; `place` says where.
    """

    change: Change
    cause: str
    wider: str
    place: str
    size: int
    before: str
    after: str


class Group(msgspec.Struct, frozen=True):
    """Differences of one class and cause: how many there are, in which tokenizers, and the smallest of them."""

    id: str
    change: Change
    cause: str
    count: int
    tokenizers: dict[str, int]
    place: str
    before: str
    after: str


@dataclass(slots=True)
class _Heap:
    """Differences of one cause, of which only the smallest is kept. `key` is what their group is known by."""

    key: str
    smallest: Difference
    wider: str
    tokenizers: Counter[str]

    def add(self, difference: Difference, tokenizer: str, count: int = 1) -> None:
        self.tokenizers[tokenizer] += count
        self.smallest = min(self.smallest, difference, key=_size)


def _size(difference: Difference) -> tuple[int, str, str, str]:
    return difference.size, difference.place, difference.before, difference.after


class Grouping:
    """Takes differences in, one at a time, and gives their groups."""

    def __init__(self) -> None:
        self._heaps: dict[tuple[Change, str], _Heap] = {}

    def add(self, tokenizer: str, differences: Iterable[Difference]) -> None:
        """Take the differences of one question in: a cause that shows in several places of it counts once."""
        for difference in {(d.change, d.cause): d for d in sorted(differences, key=_size, reverse=True)}.values():
            key = difference.change, difference.cause
            heap = self._heaps.setdefault(key, _Heap(difference.cause, difference, difference.wider, Counter()))
            heap.add(difference, tokenizer)

    def groups(self, most: int = MOST_GROUPS) -> list[Group]:
        """The groups, at most so many: by class, the largest first."""
        heaps = _merged(self._heaps, _MOST_ALIKE)
        if len(heaps) > most:
            heaps = _merged(self._heaps, 1)
        found = [_group(change, cause, heap) for (change, cause), heap in heaps.items()]
        found.sort(key=_order)
        return found if len(found) <= most else [*found[: most - 1], _rest(found[most - 1 :])]


def merged_groups(groups: Iterable[Group]) -> list[Group]:
    """Groups with those of one id made one, as if the tokenizers had been compared together."""
    found: dict[str, Group] = {}
    for group in groups:
        known = found.get(group.id)
        if known is None:
            found[group.id] = group
        else:
            tokenizers = {**known.tokenizers, **group.tokenizers}
            found[group.id] = msgspec.structs.replace(known, count=known.count + group.count, tokenizers=tokenizers)
    return sorted(found.values(), key=_order)


def _order(group: Group) -> tuple[int, int, str]:
    return list(Change).index(group.change), -group.count, group.cause


def _merged(heaps: dict[tuple[Change, str], _Heap], alike: int) -> dict[tuple[Change, str], _Heap]:
    """The heaps, with more than `alike` of the same wider cause made one."""
    families: dict[tuple[Change, str], list[tuple[str, _Heap]]] = defaultdict(list)
    for (change, cause), heap in heaps.items():
        families[change, heap.wider].append((cause, heap))
    merged = {}
    for (change, wider), members in families.items():
        if len(members) <= alike:
            merged.update({(change, cause): heap for cause, heap in members})
            continue
        largest = max(members, key=lambda member: (member[1].tokenizers.total(), member[0]))
        total = _Heap(wider, members[0][1].smallest, wider, Counter())
        for _, heap in members:
            for tokenizer, count in heap.tokenizers.items():
                total.add(heap.smallest, tokenizer, count)
        merged[change, f"{wider}: {len(members)} kinds, most often {largest[0]}"] = total
    return merged


def _group(change: Change, cause: str, heap: _Heap) -> Group:
    example = heap.smallest
    return Group(
        _id(change, heap.key),
        change,
        cause,
        heap.tokenizers.total(),
        dict(sorted(heap.tokenizers.items())),
        example.place,
        example.before,
        example.after,
    )


def _rest(groups: list[Group]) -> Group:
    tokenizers = Counter[str]()
    for group in groups:
        tokenizers.update(group.tokenizers)
    first = groups[0]
    cause = f"{len(groups)} other causes, most often {first.cause}"
    return Group(
        _id(first.change, "other causes"),
        first.change,
        cause,
        tokenizers.total(),
        dict(sorted(tokenizers.items())),
        first.place,
        first.before,
        first.after,
    )


def _id(change: Change, key: str) -> str:
    return f"{change.name.lower().replace('_', '-')}-{hashlib.sha256(key.encode()).hexdigest()[:6]}"
