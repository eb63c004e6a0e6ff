"""The states of a stream in the reference's detokenizer, and which of them can follow which.

A state is what the last message of a stream did. The pairs of transitions that can occur on a tokenizer are found, not
derived: by a search over short streams of tokens that stand for all others, one for each way in which a token can
matter. Each pair that is found has a shortest witness.
"""

from __future__ import annotations

import enum
from codecs import utf_8_decode
from collections.abc import Iterator, Mapping, Sequence

from harness.model import DetokenizeRequest, TokenStream
from harness.oracle import ReferenceDetokenizer, Step, is_ideograph, printable
from harness.tokenizer import Codec, Vocabulary

_DEEPEST = 8
_REPLACEMENT = "\ufffd"


class State(enum.StrEnum):
    """What a message did to its stream."""

    FRESH = "fresh"
    COMMITTED = "committed"
    NOTHING = "nothing new"
    HIDDEN = "held, none shown"
    SHOWN = "held, some shown"
    BACK = "went back"


ABORTED = "aborted"
_FINISHED = ", finished"


def state_of(step: Step) -> State:
    """The state that a message leads to."""
    if step.commits:
        return State.COMMITTED
    if step.after < step.before:
        return State.BACK
    if not step.new:
        return State.NOTHING
    return State.SHOWN if printable(step.new) else State.HIDDEN


class Tracker:
    """Collects the pairs of transitions of many streams at once."""

    def __init__(self) -> None:
        self.pairs: set[str] = set()
        self._last: dict[int, tuple[str, ...]] = {}

    def step(self, request: DetokenizeRequest, step: Step) -> None:
        """A message was answered."""
        self._reach(request.uid, state_of(step) + (_FINISHED if request.finished else ""), ends=request.finished)

    def abort(self, uid: int) -> None:
        """A stream is given up."""
        self._reach(uid, ABORTED, ends=True)

    def _reach(self, uid: int, state: str, *, ends: bool) -> None:
        path = (*self._last.pop(uid, (State.FRESH.value,)), state)[-3:]
        self.pairs.add(_pair(path))
        if not ends:
            self._last[uid] = path


def reachable(codec: Codec, vocabulary: Vocabulary) -> dict[str, list[int]]:
    """Every pair of transitions that is found, with a shortest stream of tokens that has it.

    A stream that comes to the same two states by the same token as another is not followed further.
    """
    tokens = representatives(vocabulary)
    found: dict[str, list[int]] = {_pair((State.FRESH, ABORTED)): []}
    known: set[tuple[object, ...]] = set()
    frontier: list[list[int]] = [[]]
    for _ in range(_DEEPEST):
        if not frontier:
            break
        longer = []
        explored = _explore(codec, [[*stream, token] for stream in frontier for token in tokens])
        for stream, path, finished, sent in explored:
            for pair in (_pair(path), _pair(path) + _FINISHED, _pair((*path, ABORTED))):
                found.setdefault(pair, stream)
            found.setdefault(_pair(finished) + _FINISHED, [*stream, vocabulary.eos_id])
            key = (path[-2:], stream[-1], sent > 0)
            if key not in known:
                known.add(key)
                longer.append(stream)
        frontier = longer
    return found


def witness(found: Mapping[str, Sequence[int]], pair: str, eos_id: int) -> TokenStream:
    """The shortest stream that has a pair; EOS ends one that the pair leaves open."""
    tokens = list(found[pair])
    if pair.endswith(ABORTED):
        return TokenStream(tokens, aborted=True)
    return TokenStream(tokens if pair.endswith(_FINISHED) else [*tokens, eos_id])


def representatives(vocabulary: Vocabulary) -> list[int]:
    """The lowest id of each class of tokens that the detokenizer can't tell apart by their ends, and an unknown id."""
    lowest: dict[object, int] = {}
    for token in sorted(vocabulary.pieces.keys() - {vocabulary.eos_id}):
        lowest.setdefault(_signature(vocabulary.bytes_by_id[token]), token)
    return [*lowest.values(), vocabulary.size]


def _signature(data: bytes) -> object:
    """How a token begins and ends, as far as the printable rule and UTF-8 look at it."""
    text, used = utf_8_decode(data, "replace", False)
    head = "continuation" if data[:1] and 0x80 <= data[0] < 0xC0 else "lead" if data[:1] >= b"\xc0" else "ascii"
    if data[:1] >= b"\xc0" and len(text) > 0 and text[0] != _REPLACEMENT:
        head = "ascii"  # a whole character begins it: what comes before can't join it
    return head, min(len(text), 2), len(data) - used, _kind(text[-2:-1]), _kind(text[-1:]), " " in text


def _kind(char: str) -> str:
    if not char:
        return "none"
    if char in (_REPLACEMENT, " ", "\n"):
        return char
    return "ideograph" if is_ideograph(char) else "other"


def _explore(
    codec: Codec, streams: Sequence[list[int]]
) -> Iterator[tuple[list[int], tuple[str, ...], tuple[str, ...], int]]:
    """For each stream its states, those if EOS then finishes it, and how much was sent that isn't committed."""
    paths: list[list[str]] = [[State.FRESH.value] for _ in streams]
    sent = [0] * len(streams)

    def watch(request: DetokenizeRequest, step: Step) -> None:
        paths[request.uid].append(state_of(step).value)
        if not request.finished:
            sent[request.uid] = 0 if step.commits else sent[request.uid] + step.after - step.before

    reference = ReferenceDetokenizer(codec, watch)
    for at in range(max(map(len, streams), default=0)):
        reference.detokenize(
            [DetokenizeRequest(uid, stream[at], False) for uid, stream in enumerate(streams) if at < len(stream)]
        )
    reference.detokenize([DetokenizeRequest(uid, codec.eos_id, True) for uid in range(len(streams))])
    for stream, path, past in zip(streams, paths, sent, strict=True):
        yield stream, tuple(path[:-1]), tuple(path), past


def _pair(path: Sequence[str]) -> str:
    return " > ".join(path[-3:])
