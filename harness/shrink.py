"""A reducer of scripts: the smallest one that still does what it was kept for.

It takes out ever smaller runs of what a script is made of, puts simple things in the place of others, and begins anew
until nothing works. The order is fixed, and so is how much it may ask: the same script gives the same result, always.
Every step makes a script smaller by `weight`, so it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from harness.edits import keep, map_tokens, map_uids, places_of, tokens_of, uids_of, with_prompt, with_request, without
from harness.model import DetokenizeRequest, Prompt
from harness.script import Encode, Feed, Script, to_data

Holds = Callable[[Script], bool]
Joined = Callable[[int, int], int | None]
"""The token that has the bytes of two, if there is one."""

MOST_MESSAGES = 500_000
"""How many messages may be asked to shrink a script: a long one costs as much for each try as many short ones.

So many characters of a prompt count as one."""
_CHARACTERS = 16

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The result, how many executions it took, and whether they sufficed."""

    script: Script
    executions: int
    complete: bool


class _Spent(Exception):
    pass


def shrink(
    script: Script, holds: Holds, simple: Sequence[int], most: int = 4000, joined: Joined = lambda one, other: None
) -> Shrunk:
    """The smallest script found for which `holds` is true, as it is for the one given.

    `simple` are tokens to replace others by, the simplest first; an id that isn't among them is simpler the lower.
    """
    reducer = _Reducer(script, holds, {token: at for at, token in enumerate(simple)}, most, joined)
    try:
        # Not `any`: each pass runs once a round.
        while sum([reduce(reducer) for reduce in _PASSES]):
            pass
    except _Spent:
        return Shrunk(reducer.best, reducer.executions, False)
    return Shrunk(reducer.best, reducer.executions, True)


class _Reducer:
    """The smallest script so far, and the bill."""

    def __init__(self, script: Script, holds: Holds, ranks: Mapping[int, int], most: int, joined: Joined) -> None:
        self.best, self._holds, self._ranks, self._most = script, holds, ranks, most
        self.simple = list(ranks)
        self.joined = joined
        self._tried: set[bytes] = set()
        self.executions = self._messages = 0

    def adopt_all(self, candidates: Callable[[], Iterable[Script]]) -> bool:
        """Adopt one candidate after the other until none is left that is smaller and holds."""
        changed = False
        while any(self.adopt(candidate) for candidate in candidates()):
            changed = True
        return changed

    def thin(self, items: Sequence[_Item], build: Callable[[Sequence[_Item]], Script]) -> bool:
        """Take out of what `build` makes the script of whatever can go: all, halves, and ever smaller runs."""
        changed, size = False, len(items)
        while size:
            at = 0
            while at < len(items):
                rest = [*items[:at], *items[at + size :]]
                if self.adopt(build(rest)):
                    items, changed = rest, True
                else:
                    at += size
            size //= 2
        return changed

    def adopt(self, candidate: Script) -> bool:
        """Make a candidate the best, if it is smaller and holds."""
        if not candidate.steps or self._weight(candidate) >= self._weight(self.best):
            return False
        key = msgspec.msgpack.encode(to_data(candidate))
        if key in self._tried:
            return False
        if self.executions >= self._most or self._messages >= MOST_MESSAGES:
            raise _Spent
        self._tried.add(key)
        self.executions += 1
        self._messages += candidate.messages + sum(map(_size, _prompts(candidate))) // _CHARACTERS
        if not self._holds(candidate):
            return False
        self.best = candidate
        return True

    def _weight(self, script: Script) -> tuple[object, ...]:
        """What is made smaller, the most important first."""
        feeds = [step.requests for step in script.steps if isinstance(step, Feed)]
        tokens = [request for requests in feeds for request in requests]
        uids = list(dict.fromkeys(request.uid for request in tokens))
        prompts = _prompts(script)
        return (
            script.messages,
            len(uids),
            sum(len(requests) - 1 for requests in feeds),
            sum(request.finished for request in tokens),
            sum(_size(prompt) for prompt in prompts),
            [self._rank(request.next_token) for request in tokens],
            [_letters(prompt) for prompt in prompts],
            uids_of(script),
        )

    def _rank(self, token: int) -> int:
        rank = self._ranks.get(token)
        return rank if rank is not None else len(self._ranks) + abs(token)


def _cut_end(reducer: _Reducer) -> bool:
    """With as much of the beginning as it takes."""
    steps, below, enough = reducer.best.steps, 0, len(reducer.best.steps)
    while below + 1 < enough:
        middle = (below + enough) // 2
        if reducer.adopt(Script(steps[:middle])):
            enough = middle
        else:
            below = middle
    return enough < len(steps)


def _one_token(reducer: _Reducer) -> bool:
    """With a simple token in the place of all others."""
    every = {request.next_token for _, _, request in tokens_of(reducer.best)}
    return any(reducer.adopt(map_tokens(reducer.best, dict.fromkeys(every, token))) for token in reducer.simple[:2])


def _drop_uids(reducer: _Reducer) -> bool:
    """Without all but one uid, or else without some."""
    script, uids = reducer.best, list(dict.fromkeys(uids_of(reducer.best)))
    few = uids if len(uids) <= 40 else []
    if any(reducer.adopt(keep(script, {uid})) for uid in few):
        return True
    return reducer.thin(uids, lambda rest: keep(script, set(rest)))


def _drop_steps(reducer: _Reducer) -> bool:
    """Without steps."""
    return reducer.thin(reducer.best.steps, lambda rest: Script(tuple(rest)))


def _drop_requests(reducer: _Reducer) -> bool:
    """Without requests; then without two of them, wherever they are, while there are few."""
    script = reducer.best
    places = places_of(script)
    changed = reducer.thin(places, lambda rest: without(script, set(places) - set(rest)))

    def pairs() -> Iterator[Script]:
        left = places_of(reducer.best)
        if len(left) <= 12:
            for at, first in enumerate(left):
                for second in left[at + 1 :]:
                    yield without(reducer.best, {first, second})

    return reducer.adopt_all(pairs) or changed


def _join_tokens(reducer: _Reducer) -> bool:
    """With two messages of a stream as one, whose token has the bytes of both."""

    def candidates() -> Iterator[Script]:
        before: dict[int, tuple[int, int, DetokenizeRequest]] = {}
        for at, slot, request in tokens_of(reducer.best):
            if request.uid in before:
                place = before[request.uid]
                token = reducer.joined(place[2].next_token, request.next_token)
                if token is not None:
                    whole = with_request(
                        reducer.best, at, slot, DetokenizeRequest(request.uid, token, request.finished)
                    )
                    yield without(whole, {place[:2]})
            before[request.uid] = at, slot, request

    return reducer.adopt_all(candidates)


def _split_batches(reducer: _Reducer) -> bool:
    """With a batch cut in two."""

    def candidates() -> Iterator[Script]:
        steps = reducer.best.steps
        for at, step in enumerate(steps):
            if isinstance(step, Feed):
                for cut in range(1, len(step.requests)):
                    parts = (Feed(step.requests[:cut]), Feed(step.requests[cut:]))
                    yield Script((*steps[:at], *parts, *steps[at + 1 :]))

    return reducer.adopt_all(candidates)


def _unfinish(reducer: _Reducer) -> bool:
    """With a finish that is none."""

    def candidates() -> Iterator[Script]:
        for at, slot, request in tokens_of(reducer.best):
            if request.finished:
                yield with_request(reducer.best, at, slot, DetokenizeRequest(request.uid, request.next_token, False))

    return reducer.adopt_all(candidates)


def _simplify_tokens(reducer: _Reducer) -> bool:
    """With a simple token in the place of another, everywhere where that stands and then in one place."""

    def candidates() -> Iterator[Script]:
        script = reducer.best
        tokens = list(dict.fromkeys(request.next_token for _, _, request in tokens_of(script)))
        for token in tokens:
            for other in reducer.simple:
                if other == token:
                    break
                yield map_tokens(script, {token: other})
        for at, slot, request in tokens_of(script):
            for other in reducer.simple:
                if other == request.next_token:
                    break
                yield with_request(script, at, slot, DetokenizeRequest(request.uid, other, request.finished))

    return reducer.adopt_all(candidates)


def _simplify_uids(reducer: _Reducer) -> bool:
    """With one uid for all, or numbered from 0 in the order in which they come, all of them or one."""

    def candidates() -> Iterator[Script]:
        uids = list(dict.fromkeys(uids_of(reducer.best)))
        # Not where that would put a uid twice in a batch, which is stranger than two uids.
        if all(len(step.requests) == 1 for step in reducer.best.steps if isinstance(step, Feed)):
            yield map_uids(reducer.best, dict.fromkeys(uids, 0))
        yield map_uids(reducer.best, {uid: at for at, uid in enumerate(uids)})
        for at, uid in enumerate(uids):
            if at not in uids:
                yield map_uids(reducer.best, {uid: at})

    return reducer.adopt_all(candidates)


def _simplify_prompts(reducer: _Reducer) -> bool:
    """With shorter and plainer prompts."""
    changed = False
    for at, step in enumerate(reducer.best.steps):
        if isinstance(step, Encode):
            for slot in range(len(step.requests)):
                changed |= _simplify_prompt(reducer, at, slot)
    return changed


def _simplify_prompt(reducer: _Reducer, at: int, slot: int) -> bool:
    """With one prompt shorter and plainer: a turn alone, fewer turns, less text, plain letters."""

    def prompt() -> Prompt:
        step = reducer.best.steps[at]
        assert isinstance(step, Encode)
        return step.requests[slot].prompt

    def put(other: Prompt) -> Script:
        return with_prompt(reducer.best, at, slot, other)

    changed = False
    now = prompt()
    if not isinstance(now, str):
        changed = bool(sum([reducer.adopt(put(turn["content"])) for turn in now]))
        if isinstance(prompt(), str):
            return _simplify_text(reducer, prompt, put) or changed
        changed |= reducer.thin(now, lambda rest: put(list(rest)))
        for turn in range(len(prompt())):
            changed |= _simplify_turn(reducer, prompt, put, turn)
        return changed
    return _simplify_text(reducer, prompt, put)


def _simplify_turn(reducer: _Reducer, prompt: Callable[[], Prompt], put: Callable[[Prompt], Script], turn: int) -> bool:
    """With less of one turn's content."""

    def turns() -> list[dict[str, str]]:
        return [dict(one) for one in prompt() if not isinstance(one, str)]

    def put_content(text: str) -> Script:
        return put([{**one, "content": text} if at == turn else one for at, one in enumerate(turns())])

    return _simplify_text(reducer, lambda: turns()[turn]["content"], put_content)


def _simplify_text(reducer: _Reducer, now: Callable[[], Prompt], put: Callable[[str], Script]) -> bool:
    """With less of a text, then with plain letters in it."""

    def build(rest: Sequence[str]) -> Script:
        return put("".join(rest))

    changed = reducer.thin(list(str(now())), build)
    left = list(str(now()))
    for at, char in enumerate(left):
        plain = [*left[:at], "a", *left[at + 1 :]]
        if char != "a" and reducer.adopt(build(plain)):
            left, changed = plain, True
    return changed


_PASSES = (
    _cut_end,
    _one_token,
    _drop_uids,
    _drop_steps,
    _drop_requests,
    _join_tokens,
    _split_batches,
    _unfinish,
    _simplify_prompts,
    _simplify_tokens,
    _simplify_uids,
)


def _prompts(script: Script) -> list[Prompt]:
    return [request.prompt for step in script.steps if isinstance(step, Encode) for request in step.requests]


def _size(prompt: Prompt) -> int:
    return len(prompt) if isinstance(prompt, str) else sum(1 + len(turn["content"]) for turn in prompt)


def _letters(prompt: Prompt) -> int:
    """How many characters aren't plain."""
    text = prompt if isinstance(prompt, str) else "".join(turn["content"] for turn in prompt)
    return sum(char != "a" for char in text)
