"""Scripts with something left out or in another's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.model import DetokenizeRequest, Prompt, TokenizeRequest
from harness.script import Abort, Encode, Feed, Script, Step


def uids_of(script: Script) -> list[int]:
    """The uids of all messages, in order."""
    return [
        uid
        for step in script.steps
        for uid in ([step.uid] if isinstance(step, Abort) else [request.uid for request in step.requests])
    ]


def joined_scripts(scripts: Sequence[Script]) -> Script:
    """Scripts one after the other as one, each but the last on uids that no other has."""
    apart = 2**40
    steps: list[Step] = []
    for at, script in enumerate(scripts):
        offset = apart * (len(scripts) - 1 - at)
        steps += map_uids(script, {uid: (uid + offset) % 2**63 for uid in uids_of(script)}).steps
    return Script(tuple(steps))


def tokens_of(script: Script) -> Iterator[tuple[int, int, DetokenizeRequest]]:
    """Each token with the step and the slot that it stands in."""
    for at, step in enumerate(script.steps):
        if isinstance(step, Feed):
            for slot, request in enumerate(step.requests):
                yield at, slot, request


def places_of(script: Script) -> list[tuple[int, int]]:
    """Where each request stands."""
    steps = enumerate(script.steps)
    return [(at, slot) for at, step in steps if not isinstance(step, Abort) for slot in range(len(step.requests))]


def with_prompt(script: Script, at: int, slot: int, prompt: Prompt) -> Script:
    """The script with another prompt in one place."""
    step = script.steps[at]
    assert isinstance(step, Encode)
    changed = TokenizeRequest(step.requests[slot].uid, prompt)
    requests = (*step.requests[:slot], changed, *step.requests[slot + 1 :])
    return Script((*script.steps[:at], Encode(requests), *script.steps[at + 1 :]))


def with_request(script: Script, at: int, slot: int, request: DetokenizeRequest) -> Script:
    """The script with another token in one place."""
    step = script.steps[at]
    assert isinstance(step, Feed)
    changed = Feed((*step.requests[:slot], request, *step.requests[slot + 1 :]))
    return Script((*script.steps[:at], changed, *script.steps[at + 1 :]))


def without(script: Script, places: set[tuple[int, int]]) -> Script:
    """The script without the requests at some places."""
    steps: list[Step] = []
    for at, step in enumerate(script.steps):
        if isinstance(step, Abort):
            steps.append(step)
        else:
            kept = [request for slot, request in enumerate(step.requests) if (at, slot) not in places]
            steps += [type(step)(tuple(kept))] if kept else []  # type: ignore[arg-type]
    return Script(tuple(steps))


def keep(script: Script, wanted: set[int]) -> Script:
    """The script with what concerns some uids only."""
    steps: list[Step] = []
    for step in script.steps:
        if isinstance(step, Abort):
            steps += [step] if step.uid in wanted else []
        else:
            kept = [request for request in step.requests if request.uid in wanted]
            steps += [type(step)(tuple(kept))] if kept else []  # type: ignore[arg-type]
    return Script(tuple(steps))


def map_tokens(script: Script, others: Mapping[int, int]) -> Script:
    """The script with other tokens in the place of some."""
    return _map(script, lambda r: DetokenizeRequest(r.uid, others.get(r.next_token, r.next_token), r.finished), {})


def map_uids(script: Script, others: Mapping[int, int]) -> Script:
    """The script with other uids in the place of some."""
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
