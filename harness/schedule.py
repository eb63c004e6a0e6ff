"""Seeded interleaving: token streams into programs, prompts into batches.

A program keeps a pool of uids alive and gives a uid its next stream when the last one ended, so that uids are reused
all the time; the pools are full of uids that are equal modulo 2^16, 2^24, 2^32, 2^48 or 2^62, as hashes or as doubles.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.model import Event, Program, Prompt, Prompts, TokenizeRequest, TokenStream

MOST_LIVE = 256
MOST_BATCH = 256
_MOST_MESSAGES = 12_000
_EDGE_UIDS = (0, 2**63 - 1, 2**32 - 1, 1, 2**63 - 2, 2**53, 2**53 + 1, 2**31 - 1, 2**31, 2**32, 2**16, 2**24)
_STRIDES = (0, 2**16, 2**24, 2**32, 2**48, 2**61 - 1, 2**62)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a program is batched: up to `live` uids, all of them in turn or a random part of them in every batch."""

    live: int
    lockstep: bool

    @property
    def name(self) -> str:
        """Part of the id of every case of this shape."""
        return f"{'lockstep' if self.lockstep else 'ragged'}-{self.live}"

    def is_filled(self, streams: Sequence[TokenStream]) -> bool:
        """Whether these are enough streams for a program: twice as many as can live, and not too many messages."""
        messages = sum(len(stream.tokens) for stream in streams)
        return messages >= _MOST_MESSAGES or (messages >= 256 and len(streams) >= 2 * self.live)


SHAPES = (
    Shape(256, lockstep=True),
    Shape(64, lockstep=False),
    Shape(16, lockstep=True),
    Shape(1, lockstep=True),
    Shape(256, lockstep=False),
    Shape(32, lockstep=True),
    Shape(4, lockstep=False),
    Shape(128, lockstep=False),
)
TOGETHER = (Shape(MOST_LIVE, lockstep=True),)
"""For a few very long streams: all at once, or most batches would be of one message."""
ENDS = (Shape(256, lockstep=True), Shape(64, lockstep=True))
"""For streams of one token: each batch is full, and all of it ends."""
CROWD = (Shape(1100, lockstep=True),)
"""For more streams alive at once than fit into a batch."""


def programs(
    corpus: str, streams: Iterable[TokenStream], seed: int | str, shapes: Sequence[Shape] = SHAPES
) -> Iterator[Program]:
    """Interleave streams into programs, one shape after the other. Only a stream that is given up may be empty."""
    chance = random.Random(f"{corpus} {seed}")
    remaining = iter(streams)
    for shape in itertools.cycle(shapes):
        group: list[TokenStream] = []
        while not shape.is_filled(group):
            stream = next(remaining, None)
            if stream is None:
                break
            group.append(stream)
        if not group:
            return
        yield _interleave(corpus, group, shape, chance)


def prompt_batches(
    corpus: str, prompts: Sequence[Prompt], seed: int | str, sizes: Sequence[int] = (1, 7, 16, 3, 33, 64)
) -> Iterator[Prompts]:
    """Prompts in a seeded order, in batches of the given sizes; a case is one round of sizes."""
    chance = random.Random(f"{corpus} prompts {seed}")
    order = list(prompts)
    chance.shuffle(order)
    remaining = iter(order)
    while True:
        taken = [list(itertools.islice(remaining, size)) for size in sizes]
        batches = [batch for batch in taken if batch]
        if not batches:
            return
        requests = []
        for batch in batches:
            uids = uid_pool(len(batch), chance)
            requests.append(tuple(TokenizeRequest(*pair) for pair in zip(uids, batch, strict=True)))
        yield Prompts(f"{corpus}/prompts-{_digest(requests)}", tuple(requests))


def uid_pool(count: int, chance: random.Random) -> list[int]:
    """Distinct uids from 0 to 2^63-1, made to collide in every narrower type."""
    pool = dict.fromkeys(_EDGE_UIDS[: max(1, count // 4)])
    while len(pool) < count:
        base = chance.randrange(2**16)
        pool.update(dict.fromkeys(base + stride for stride in _STRIDES))
    uids = list(pool)[:count]
    chance.shuffle(uids)
    return uids


def _interleave(corpus: str, streams: list[TokenStream], shape: Shape, chance: random.Random) -> Program:
    uids: list[int] = []
    tokens: list[int] = []
    events: list[int] = []
    batches: list[int] = []
    waiting = iter(streams)
    idle = uid_pool(shape.live, chance)
    live: dict[int, tuple[TokenStream, int]] = {}
    awake: dict[int, int] = {}
    for round_ in itertools.count():
        while idle and (stream := next(waiting, None)) is not None:
            live[idle.pop(chance.randrange(len(idle)))] = (stream, 0)
        if not live:
            break
        turn = [uid for uid in live if awake.get(uid, 0) <= round_]
        chance.shuffle(turn)
        if not shape.lockstep:
            turn = turn[: chance.randint(1, len(turn))]
        for start in range(0, len(turn), MOST_BATCH):
            aborted: list[int] = []
            rows = 0
            for uid in turn[start : start + MOST_BATCH]:
                stream, at = live[uid]
                last = at + 1 >= len(stream.tokens)
                if stream.tokens:
                    uids.append(uid)
                    tokens.append(stream.tokens[at])
                    events.append(Event.FINISH if last and not stream.aborted else Event.FEED)
                    rows += 1
                if last:
                    del live[uid]
                    idle.append(uid)
                    aborted.extend([uid] if stream.aborted else [])
                else:
                    live[uid] = (stream, at + 1)
                    if stream.rest and at + 2 == len(stream.tokens):
                        awake[uid] = round_ + stream.rest
            batches.extend([rows] if rows else [])
            for uid in aborted:
                uids.append(uid)
                tokens.append(0)
                events.append(Event.ABORT)
                batches.append(1)
    digest = _digest([uids, tokens, events, batches])
    return Program(f"{corpus}/{shape.name}-{digest}", uids, tokens, events, batches)


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:10]
