"""Drawing a script: streams of tokens, how they are interleaved and end, and what is asked between them."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.model import DetokenizeRequest, TokenizeRequest
from harness.script import Abort, Encode, Feed, Script, Step
from harness.strategies.material import Material
from harness.strategies.prompts import draw_prompts

_LIVE = (1,) * 16 + (2,) * 12 + (3,) * 8 + (4, 5, 6, 8, 8, 16, 40)
_LENGTHS = (1,) * 4 + (2,) * 6 + (3,) * 6 + (4,) * 5 + (5,) * 3 + (6, 7, 8, 9, 12, 16)
_WIDTHS = (8, 16, 24, 31, 32, 48, 53, 61, 62)
_STRIDES = (
    *(2**width for width in _WIDTHS),
    *(2**width + off for width in _WIDTHS for off in (-1, 1)),
    *(10**3, 10**6, 10**9, 10**6 + 3, 10**9 + 7),
)
"""How far uids are apart that something takes for equal: a narrower type, or the remainder of a division."""
_HOSTILE = (-1, 2**32, -(2**31), 2**63)

_FEED, _EOS, _FINISH, _ABORT, _OPEN = range(5)
_ENDINGS = (_EOS,) * 8 + (_FINISH,) * 7 + (_ABORT,) * 3 + (_OPEN,) * 2


@dataclass(slots=True)
class _Live:
    """A stream that is being fed: its tokens, the next one, and how it ends."""

    tokens: Sequence[int]
    ending: int
    at: int = 0


def draw_script(chance: random.Random, material: Material, capabilities: Collection[str]) -> Script:
    """One script of what an implementation with these capabilities can be asked."""
    steps: list[Step] = []
    prompts = "tokenize" in capabilities and bool(material.prompts)
    if "detokenize" in capabilities and not (prompts and chance.random() < 0.06):
        if chance.random() < 0.005:
            steps = _crowd(chance, material) if chance.random() < 0.5 else _endurance(chance, material)
        else:
            steps = _interleave(chance, material, aborts="abort" in capabilities)
    if prompts and (not steps or chance.random() < 0.06):
        at = chance.randrange(len(steps) + 1)
        steps[at:at] = _encode(chance, material)
    return Script(tuple(steps))


def draw_tokens(chance: random.Random, material: Material) -> list[int]:
    """The tokens of one stream, without the EOS that may end it."""
    size = chance.choice(_LENGTHS)
    kind = chance.random()
    if kind < 0.3:
        return _biased(chance, material, size)
    if kind < 0.4 and material.held:
        return _held(chance, material, size)
    if kind < 0.6 and material.spellings:
        tokens: list[int] = []
        for _ in range(1 + size // 3):
            tokens += _spelled(chance, material)
        return tokens
    if kind < 0.75 and material.texts:
        ids = chance.choice(material.texts)
        start = chance.randrange(len(ids))
        return [*ids[start : start + size], *(_biased(chance, material, 1) if kind < 0.65 else ())]
    if kind < 0.97 and material.shapes:
        return _neighbour(chance, material)
    if kind < 0.985:
        return [chance.choice(material.leads)] * chance.randint(9, 40) + _biased(chance, material, 2)
    return _biased(chance, material, chance.randint(10, 80))


def _biased(chance: random.Random, material: Material, size: int) -> list[int]:
    pools = chance.choices(material.pools, material.weights, k=size)
    return [pool[int(chance.random() * len(pool))] for pool in pools]


def _spelled(chance: random.Random, material: Material) -> list[int]:
    """A character in one of its spellings, perhaps cut off, perhaps with something before or behind it."""
    tokens = list(chance.choice(chance.choice(material.spellings)))
    kind = chance.random()
    if kind < 0.3:
        del tokens[chance.randrange(len(tokens)) :]
    if kind < 0.5:
        tokens += _biased(chance, material, 1)
    elif kind < 0.7:
        tokens[:0] = _biased(chance, material, 1)
    return tokens


def _held(chance: random.Random, material: Material, size: int) -> list[int]:
    """Characters left uncommitted, with something behind each."""
    tokens: list[int] = []
    for _ in range(size):
        tokens += chance.choice(chance.choice(material.held))
        tokens += _biased(chance, material, chance.choice((0, 1, 1)))
    return tokens


def _neighbour(chance: random.Random, material: Material) -> list[int]:
    """The beginning of a stream on which something failed once, with up to two changes."""
    tokens = list(chance.choice(material.shapes))
    for _ in range(chance.randrange(3)):
        at = chance.randrange(len(tokens) + 1)
        kind = chance.random()
        if kind < 0.3:
            del tokens[at : at + 1]
        elif kind < 0.6:
            tokens[at : at + 1] = _biased(chance, material, 1)
        elif kind < 0.85:
            tokens[at:at] = _biased(chance, material, 1)
        else:
            tokens[at:at] = tokens[:at]
    return tokens


def _uids(chance: random.Random, count: int) -> list[int]:
    """Distinct uids: small ones, or ones that are equal in something narrower."""
    stride, first = (chance.choice(_STRIDES), chance.randrange(4)) if chance.random() >= 0.7 else (1, 0)
    uids = [first + at * stride % (2**63 - 8) for at in range(count)]
    return uids if len(set(uids)) == count else list(range(count))


def _interleave(chance: random.Random, material: Material, *, aborts: bool) -> list[Step]:
    live = chance.choice(_LIVE)
    waiting = live + (chance.choice((0, 1, 1, 2, 4)) if chance.random() < 0.6 else 0)
    style = chance.random()
    most = 1 if style < 0.25 else live if style < 0.75 else 0
    repeats = chance.random() < 0.15
    idle = _uids(chance, live)
    streams: dict[int, _Live] = {}
    steps: list[Step] = []
    while True:
        while idle and waiting:
            streams[idle.pop()] = _begin(chance, material, aborts=aborts)
            waiting -= 1
        if not streams:
            return _spoiled(chance, steps)
        turn = list(streams)
        if len(turn) > 1:
            chance.shuffle(turn)
            turn = turn[: most or chance.randint(1, len(turn))]
        if repeats:
            turn += [chance.choice(turn) for _ in range(chance.randrange(3))]
        requests: list[DetokenizeRequest] = []
        aborted: list[int] = []
        for uid in turn:
            stream = streams.get(uid)
            if stream is None:  # it ended earlier in this batch: what follows begins another
                stream = streams[uid] = _begin(chance, material, aborts=aborts)
            _advance(uid, stream, requests, aborted)
            if stream.at >= len(stream.tokens):
                del streams[uid]
        if requests:
            steps.append(Feed(tuple(requests)))
        steps += map(Abort, aborted)
        idle += [uid for uid in dict.fromkeys(turn) if uid not in streams]


def _begin(chance: random.Random, material: Material, *, aborts: bool) -> _Live:
    tokens = draw_tokens(chance, material)
    ending = chance.choice(_ENDINGS)
    if ending == _ABORT and not aborts:
        ending = _FINISH
    if ending == _EOS or not tokens:
        tokens.append(material.eos_id)
    return _Live(tokens, ending)


def _advance(uid: int, stream: _Live, requests: list[DetokenizeRequest], aborted: list[int]) -> None:
    last = stream.at + 1 >= len(stream.tokens)
    requests.append(DetokenizeRequest(uid, stream.tokens[stream.at], last and stream.ending in (_EOS, _FINISH)))
    stream.at += 1
    if last and stream.ending == _ABORT:
        aborted.append(uid)


def _spoiled(chance: random.Random, steps: list[Step]) -> list[Step]:
    """The steps, once in a while with an id in them that is none."""
    if chance.random() >= 0.02:
        return steps
    at = chance.randrange(len(steps))
    step = steps[at]
    if isinstance(step, Feed):
        slot = chance.randrange(len(step.requests))
        request = step.requests[slot]
        bad = DetokenizeRequest(request.uid, chance.choice(_HOSTILE), False)
        steps[at] = Feed((*step.requests[:slot], bad, *step.requests[slot + 1 :]))
    return steps


def _encode(chance: random.Random, material: Material) -> list[Encode]:
    """A batch of prompts, or two on the same uids."""
    count = chance.choice((1, 2, 2, 3, 4, 8))
    uids = _uids(chance, count)
    batches = []
    for _ in range(chance.choice((1, 1, 2))):
        batches.append(Encode(tuple(map(TokenizeRequest, uids, draw_prompts(chance, material, count)))))
        chance.shuffle(uids)
    return batches


def _crowd(chance: random.Random, material: Material) -> list[Step]:
    """Many streams of a few tokens, all of them alive at once, up to 2,048 in a batch."""
    count = int(2 ** chance.uniform(6, 11))
    uids = _uids(chance, count)
    steps: list[Step] = []
    rounds = chance.randint(2, 3)
    for turn in range(rounds):
        chance.shuffle(uids)
        tokens = _biased(chance, material, count)
        requests = [DetokenizeRequest(uid, token, turn == rounds - 1) for uid, token in zip(uids, tokens, strict=True)]
        size = chance.choice((count, count, (count + 1) // 2))
        steps += [Feed(tuple(requests[at : at + size])) for at in range(0, count, size)]
    return steps


def _endurance(chance: random.Random, material: Material) -> list[Step]:
    """One stream of up to 8,192 tokens, which fills what it is kept in, and one that is silent meanwhile."""
    count = int(2 ** chance.uniform(8, 13))
    kind = chance.random()
    if kind < 0.5 and material.longest:
        tokens = [chance.choice(material.longest) for _ in range(count)]
    elif kind < 0.9 and material.texts:
        ids = chance.choice(material.texts)
        tokens = [ids[at % len(ids)] for at in range(count)]
    else:
        tokens = [chance.choice(material.leads)] * min(count, 600)
    tokens += _biased(chance, material, 8)
    idle = draw_tokens(chance, material)
    silent = [Feed((DetokenizeRequest(1, token, False),)) for token in idle]
    last = Feed((DetokenizeRequest(1, chance.choice((material.eos_id, *tokens[:3])), True),))
    return [
        *silent,
        *(Feed((DetokenizeRequest(0, token, False),)) for token in tokens[:-1]),
        Feed((DetokenizeRequest(0, tokens[-1], True),)),
        last,
    ]
