"""The shapes of batches: how large, and of what."""

from __future__ import annotations

from collections.abc import Sequence

from harness.coverage.dimension import Case
from harness.model import Event, TokenizeRequest

_SIZES = ((1, 1), (2, 8), (9, 32), (33, 64), (65, 128), (129, 256))
_FEEDS, _ENDS, _BOTH = "none ends", "all end", "some end"
_KINDS = ("texts", "conversations", "both")


def items(*, conversations: bool) -> list[str]:
    """Every size with every make-up that it can have."""
    make_ups: list[tuple[str, int, Sequence[str]]]
    make_ups = [("tokens", most, (_FEEDS, _ENDS, _BOTH)) for _, most in _SIZES]
    make_ups += [("prompts", most, _KINDS if conversations else _KINDS[:1]) for _, most in _SIZES[:4]]
    mixed = (_BOTH, _KINDS[-1])
    return [
        f"{_size(most)} {what}, {kind}"
        for what, most, kinds in make_ups
        for kind in kinds
        if most > 1 or kind not in mixed
    ]


def of_tokens(events: Sequence[int]) -> str:
    """The shape of a batch of tokens."""
    ends = sum(event == Event.FINISH for event in events)
    return f"{_size(len(events))} tokens, {_FEEDS if not ends else _ENDS if ends == len(events) else _BOTH}"


def of_prompts(requests: Sequence[TokenizeRequest]) -> str:
    """The shape of a batch of prompts."""
    texts = sum(isinstance(request.prompt, str) for request in requests)
    kind = _KINDS[0] if texts == len(requests) else _KINDS[1] if not texts else _KINDS[2]
    return f"{_size(len(requests))} prompts, {kind}"


def cheapest(item: str) -> Case:
    """The smallest batch of a shape, in words: any tokens or prompts will do."""
    size, _, what = item.partition(" ")
    return {"batch": f"{max(int(size.partition('-')[0]), 1)} {what}"}


def _size(count: int) -> str:
    low, high = next(((low, high) for low, high in _SIZES if count <= high), (_SIZES[-1][1] + 1, 0))
    return f"{low}" if low == high else f"{low}-{high}" if high else f"{low}+"
