"""A reducer of scripts: the smallest one that still does what it was kept for.

It tries one simplification after the other, keeps each that works, and begins anew until none does. The order is fixed,
and so is the number of executions it may take: the same script gives the same result, always.
Every step makes a script smaller by `weight`, so it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from harness.model import DetokenizeRequest, Prompt, TokenizeRequest
from harness.script import Abort, Encode, Feed, Script, Step, to_data

Holds = Callable[[Script], bool]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The result, how many executions it took, and whether they sufficed."""

    script: Script
    executions: int
    complete: bool


class _Spent(Exception):
    pass


def shrink(script: Script, holds: Holds, simple: Sequence[int], most: int = 4000) -> Shrunk:
    """The smallest script found for which `holds` is true, as it is for the one given.

    `simple` are tokens to replace others by, the simplest first; an id that isn't among them is simpler the lower.
    """
    reducer = _Reducer(script, holds, {token: at for at, token in enumerate(simple)}, most)
    try:
        while sum(reducer.adopt_all(candidates) for candidates in _PASSES):
            pass
    except _Spent:
        return Shrunk(reducer.best, most, False)
    return Shrunk(reducer.best, reducer.executions, True)


class _Reducer:
    """The smallest script so far, and the bill."""

    def __init__(self, script: Script, holds: Holds, ranks: Mapping[int, int], most: int) -> None:
        self.best, self._holds, self._ranks, self._most = script, holds, ranks, most
        self._tried: set[bytes] = set()
        self.executions = 0

    def adopt_all(self, candidates: Callable[[Script, Sequence[int]], Iterable[Script]]) -> bool:
        """Adopt one candidate after the other until none is left that is smaller and holds."""
        changed = False
        while any(self._adopt(candidate) for candidate in candidates(self.best, list(self._ranks))):
            changed = True
        return changed

    def _adopt(self, candidate: Script) -> bool:
        key = msgspec.msgpack.encode(to_data(candidate))
        if key in self._tried or self._weight(candidate) >= self._weight(self.best):
            return False
        if self.executions >= self._most:
            raise _Spent
        self._tried.add(key)
        self.executions += 1
        if not self._holds(candidate):
            return False
        self.best = candidate
        return True

    def _weight(self, script: Script) -> tuple[object, ...]:
        """What is made smaller, the most important first."""
        feeds = [step.requests for step in script.steps if isinstance(step, Feed)]
        tokens = [request for requests in feeds for request in requests]
        uids = list(dict.fromkeys(request.uid for request in tokens))
        prompts = [request.prompt for step in script.steps if isinstance(step, Encode) for request in step.requests]
        return (
            script.messages,
            len(uids),
            sum(len(requests) - 1 for requests in feeds),
            sum(request.finished for request in tokens),
            sum(_size(prompt) for prompt in prompts),
            [self._rank(request.next_token) for request in tokens],
            [_letters(prompt) for prompt in prompts],
            _uids(script),
        )

    def _rank(self, token: int) -> int:
        rank = self._ranks.get(token)
        return rank if rank is not None else len(self._ranks) + abs(token)


def _drop_uids(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """Without all but one uid, then without one."""
    uids = list(dict.fromkeys(_uids(script)))
    for uid in uids:
        yield _keep(script, lambda other, uid=uid: other == uid)  # type: ignore[misc]
    for size in (len(uids) // 2, len(uids) // 4):
        for start in range(0, len(uids) if size > 1 else 0, size or 1):
            group = set(uids[start : start + size])
            yield _keep(script, lambda other, group=group: other not in group)  # type: ignore[misc]
    for uid in uids:
        yield _keep(script, lambda other, uid=uid: other != uid)  # type: ignore[misc]


def _drop_steps(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """Without the steps from one on, then without runs of steps, long ones first."""
    steps = script.steps
    for end in range(1, len(steps)):
        yield Script(steps[:end])
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield Script(steps[:start] + steps[start + size :])
        size //= 2


def _drop_requests(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """Without one request; then without two of them, wherever they are, while there are few."""
    places = [
        (at, slot)
        for at, step in enumerate(script.steps)
        if not isinstance(step, Abort)
        for slot in range(len(step.requests))
    ]
    for place in places:
        yield _without(script, {place})
    if len(places) <= 12:
        for first in range(len(places)):
            for second in range(first + 1, len(places)):
                yield _without(script, {places[first], places[second]})


def _split_batches(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """With a batch cut in two."""
    for at, step in enumerate(script.steps):
        if isinstance(step, Feed):
            for cut in range(1, len(step.requests)):
                parts = (Feed(step.requests[:cut]), Feed(step.requests[cut:]))
                yield Script((*script.steps[:at], *parts, *script.steps[at + 1 :]))


def _unfinish(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """With a finish that is none."""
    for at, slot, request in _tokens(script):
        if request.finished:
            yield _with(script, at, slot, DetokenizeRequest(request.uid, request.next_token, False))


def _simplify_tokens(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """With a simple token in the place of another, everywhere where that stands and then in one place."""
    tokens = list(dict.fromkeys(request.next_token for _, _, request in _tokens(script)))
    for token in tokens:
        for other in simple:
            if other == token:
                break
            yield _map_tokens(script, {token: other})
    for at, slot, request in _tokens(script):
        for other in simple:
            if other == request.next_token:
                break
            yield _with(script, at, slot, DetokenizeRequest(request.uid, other, request.finished))


def _simplify_uids(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """With the uids numbered from 0 in the order in which they come, all of them or one."""
    uids = list(dict.fromkeys(_uids(script)))
    yield _map_uids(script, {uid: at for at, uid in enumerate(uids)})
    for at, uid in enumerate(uids):
        if at not in uids:
            yield _map_uids(script, {uid: at})


def _simplify_prompts(script: Script, simple: Sequence[int]) -> Iterator[Script]:
    """With a shorter or plainer prompt."""
    for at, step in enumerate(script.steps):
        if not isinstance(step, Encode):
            continue
        for slot, request in enumerate(step.requests):
            for prompt in _simpler(request.prompt):
                requests = (*step.requests[:slot], TokenizeRequest(request.uid, prompt), *step.requests[slot + 1 :])
                yield Script((*script.steps[:at], Encode(requests), *script.steps[at + 1 :]))


_PASSES = (
    _drop_uids,
    _drop_steps,
    _drop_requests,
    _split_batches,
    _unfinish,
    _simplify_prompts,
    _simplify_tokens,
    _simplify_uids,
)


def _simpler(prompt: Prompt) -> Iterator[Prompt]:
    if isinstance(prompt, str):
        size = len(prompt)
        while size:
            for start in range(0, len(prompt), size):
                yield prompt[:start] + prompt[start + size :]
            size //= 2
        for at, char in enumerate(prompt):
            if char != "a":
                yield f"{prompt[:at]}a{prompt[at + 1 :]}"
        return
    for at in range(len(prompt)):
        yield [*prompt[:at], *prompt[at + 1 :]]
    for at, turn in enumerate(prompt):
        for content in _simpler(turn["content"]):
            yield [*prompt[:at], {**turn, "content": str(content)}, *prompt[at + 1 :]]


def _size(prompt: Prompt) -> int:
    return len(prompt) if isinstance(prompt, str) else sum(1 + len(turn["content"]) for turn in prompt)


def _letters(prompt: Prompt) -> int:
    """How many characters aren't plain."""
    text = prompt if isinstance(prompt, str) else "".join(turn["content"] for turn in prompt)
    return sum(char != "a" for char in text)


def _uids(script: Script) -> list[int]:
    return [
        uid
        for step in script.steps
        for uid in ([step.uid] if isinstance(step, Abort) else [request.uid for request in step.requests])
    ]


def _tokens(script: Script) -> Iterator[tuple[int, int, DetokenizeRequest]]:
    for at, step in enumerate(script.steps):
        if isinstance(step, Feed):
            for slot, request in enumerate(step.requests):
                yield at, slot, request


def _with(script: Script, at: int, slot: int, request: DetokenizeRequest) -> Script:
    step = script.steps[at]
    assert isinstance(step, Feed)
    changed = Feed((*step.requests[:slot], request, *step.requests[slot + 1 :]))
    return Script((*script.steps[:at], changed, *script.steps[at + 1 :]))


def _without(script: Script, places: set[tuple[int, int]]) -> Script:
    steps: list[Step] = []
    for at, step in enumerate(script.steps):
        if isinstance(step, Abort):
            steps.append(step)
        else:
            kept = [request for slot, request in enumerate(step.requests) if (at, slot) not in places]
            steps += [type(step)(tuple(kept))] if kept else []  # type: ignore[arg-type]
    return Script(tuple(steps))


def _keep(script: Script, wanted: Callable[[int], bool]) -> Script:
    """The script with what concerns some uids only."""
    steps: list[Step] = []
    for step in script.steps:
        if isinstance(step, Abort):
            steps += [step] if wanted(step.uid) else []
        else:
            kept = [request for request in step.requests if wanted(request.uid)]
            steps += [type(step)(tuple(kept))] if kept else []  # type: ignore[arg-type]
    return Script(tuple(steps))


def _map_tokens(script: Script, others: Mapping[int, int]) -> Script:
    return _map(script, lambda r: DetokenizeRequest(r.uid, others.get(r.next_token, r.next_token), r.finished), {})


def _map_uids(script: Script, others: Mapping[int, int]) -> Script:
    return _map(script, lambda r: DetokenizeRequest(others.get(r.uid, r.uid), r.next_token, r.finished), others)


def _map(script: Script, change: Callable[[DetokenizeRequest], DetokenizeRequest], uids: Mapping[int, int]) -> Script:
    steps: list[Step] = []
    for step in script.steps:
        if isinstance(step, Feed):
            steps.append(Feed(tuple(map(change, step.requests))))
        elif isinstance(step, Encode):
            steps.append(Encode(tuple(TokenizeRequest(uids.get(r.uid, r.uid), r.prompt) for r in step.requests)))
        else:
            steps.append(Abort(uids.get(step.uid, step.uid)))
    return Script(tuple(steps))
