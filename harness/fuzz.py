"""The search: scripts drawn one after the other until an answer is wrong, and the smallest that shows it.

Script `n` of a search is a function of the tokenizer, the seed and `n`, whatever the machine or the time, so that a
search can be repeated and taken up again. What was found is kept, and asked first the next time.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.adapters.isolated_player import IsolatedPlayer
from harness.adapters.player import DirectPlayer
from harness.edits import joined_scripts
from harness.errors import ParityError
from harness.judges import ByLaws, ByReference, Judge, SubjectJudge, Verdict
from harness.laws import FullDecoder, Violation
from harness.model import Kind
from harness.protocol import Factory
from harness.script import Answer, Encode, Script
from harness.shrink import shrink
from harness.strategies import Material, draw_script, read_material
from harness.subject import Subject
from harness.targets import Target
from harness.tokenizer import TransformersCodec, Vocabulary, load_vocabulary

PROFILES = ("reference", "laws")
"""What an implementation can be judged by."""

Signature: TypeAlias = tuple[str, str]
"""The class of a find: the law that was broken, or `parity`, and what a user would see, an error with its type."""

_REPORT_EVERY = 0.5
MOST_EXECUTIONS = 4000
"""How often a script may be tried to shrink a find."""
_MOST_RECENT = 16
"""How many scripts before a find may have to do with it."""
_ANEW = 50
"""How often, if each try takes an implementation made anew."""
_EXECUTIONS = {Kind.CRASH.value: 120, Kind.HANG.value: 20}
"""Fewer where each costs a process, or all the time that a call has."""
_SIMPLE = (
    *(b"a", b"b", b"e", b" a", b" ", b"\n", "中".encode(), "\u0301".encode()),
    *(b"\xe4", b"\xb8", b"\xad", b"\xc3", b"\xa9", b"\xf0", b"\xff"),
)


@dataclass(frozen=True, slots=True)
class Budget:
    """When a search ends: after so many scripts, or so many seconds, whichever comes first."""

    scripts: int = 3000
    seconds: float = float("inf")


@dataclass(frozen=True, slots=True)
class Searching:
    """How far a search is: scripts drawn, messages answered, seconds spent on it (shrinking excluded)."""

    scripts: int
    messages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Find:
    """A script that shows something wrong, and the smallest one of its class.

    `number` is the script's in its search, -1 if it was kept from an earlier one. `violations` are all that the
    smallest script shows, that of its class first, and `answers` what it was answered.
    `messages` and `seconds` are those until it was found.
    `repeats` is False if another backend, made anew, doesn't show it.
    """

    signature: Signature
    number: int
    original: Script
    script: Script
    violations: tuple[Violation, ...]
    answers: tuple[Answer, ...]
    messages: int
    seconds: float
    executions: int
    shrink_seconds: float
    repeats: bool


@dataclass(frozen=True, slots=True)
class Mended:
    """A script that was kept, and shows nothing any more."""

    script: Script


Event: TypeAlias = Searching | Find | Mended


def class_of(violations: Sequence[Violation]) -> Signature | None:
    """The class of what is wrong with a script: that of the violation that says most."""
    if not violations:
        return None
    first = violations[0]
    if first.kind != Kind.ERROR:
        return first.law, first.kind.value
    return first.law, f"{first.kind.value} {first.got.partition(':')[0][:40]}"


def script_number(seed: int, number: int, material: Material, capabilities: frozenset[str]) -> Script:
    """Script `number` of a search: another one for each tokenizer, so that what is rare comes at other numbers."""
    return draw_script(random.Random(f"{seed} {number} {material.name}"), material, capabilities)


@dataclass(frozen=True, slots=True)
class Setting:
    """A tokenizer, and all that a search needs of it; dear to make, and made once."""

    name: str
    folder: pathlib.Path
    codec: TransformersCodec
    vocabulary: Vocabulary
    decoder: FullDecoder
    material: Material


def read_setting(name: str, folder: pathlib.Path, corpora: pathlib.Path) -> Setting:
    """The setting of a tokenizer's folder, with the texts of the corpora to draw from."""
    codec, vocabulary = TransformersCodec(folder), load_vocabulary(folder)
    material = read_material(name, corpora, codec, vocabulary)
    return Setting(name, folder, codec, vocabulary, FullDecoder(codec, vocabulary), material)


def judge_of(factory: Factory, setting: Setting, profile: str) -> Judge:
    """The judge of an implementation in this process: by the profile `reference` or `laws`.

    Raises `TargetError` if it can't be started.
    """
    return SubjectJudge(Subject(DirectPlayer(factory, setting.folder)), verdict_of(setting, profile))


def isolated_judge_of(spec: str, setting: Setting, profile: str, patience: float = 10.0) -> Judge:
    """The judge of the implementation `spec` in a process of its own, with `patience` seconds for each call.

    Raises `TargetError` if it can't be started.
    """
    verdict = verdict_of(setting, profile)
    return SubjectJudge(Subject(IsolatedPlayer(spec, setting.folder, patience=patience)), verdict)


def worker_judge_of(target: Target, setting: Setting, profile: str, patience: float = 10.0) -> Judge:
    """The judge of a worker process on the wire, with `patience` seconds for each call.

    Raises `TargetError` if it can't be started.
    """
    from harness.adapters.socket_player import SocketPlayer  # needs the `worker` extra

    verdict = verdict_of(setting, profile)
    return SubjectJudge(Subject(SocketPlayer(target.command, setting.folder, target.env, patience=patience)), verdict)


def verdict_of(setting: Setting, profile: str) -> Verdict:
    """The way to judge that a profile is. Raises `ParityError` if it is none."""
    if profile == "laws":
        return ByLaws(setting.decoder)
    if profile == "reference":
        return ByReference(setting.codec, setting.vocabulary)
    raise ParityError(f"there is no profile {profile!r}", hint=f"use one of {', '.join(PROFILES)}")


def hunt(
    judge: Judge,
    setting: Setting,
    *,
    seed: int = 0,
    first: int = 0,
    budget: Budget = Budget(),
    kept: Iterable[Script] = (),
    enough: Callable[[Find], bool] = lambda _: True,
) -> Iterator[Event]:
    """Search until `enough` says so of a find, or the budget is spent; one find a class, the last event how far it was.

    `first` is the number of the first script, `kept` are asked before it.
    """
    seen: set[Signature] = set()
    recent: deque[Script] = deque(maxlen=_MOST_RECENT)
    started = reported = time.monotonic()
    asked, shrinking = judge.asked, 0.0
    done = 0

    def spent() -> Searching:
        return Searching(done, judge.asked - asked, time.monotonic() - started - shrinking)

    for number, script in _scripts(kept, seed, first, budget.scripts, setting.material, judge.capabilities):
        violations = judge.judge(script)
        done += 1
        signature = class_of(violations)
        if signature is None and number < 0:
            yield Mended(script)
        if signature is not None and signature not in seen:
            seen.add(signature)
            before, begun, asked_before = spent(), time.monotonic(), judge.asked
            find = _reduce(judge, setting, script, signature, number, before, list(recent))
            asked += judge.asked - asked_before
            shrinking += time.monotonic() - begun
            yield find
            if enough(find):
                yield spent()
                return
        recent.append(script)
        now = time.monotonic()
        if now - reported >= _REPORT_EVERY:
            reported = now
            yield spent()
            if now - started >= budget.seconds:
                return
    yield spent()


def simple_tokens(vocabulary: Vocabulary) -> list[int]:
    """The tokens that the reducer likes best: letters, a space, an ideograph and its bytes, EOS."""
    by_bytes = vocabulary.id_by_bytes
    return list(dict.fromkeys([*(by_bytes[data] for data in _SIMPLE if data in by_bytes), vocabulary.eos_id]))


def _scripts(
    kept: Iterable[Script], seed: int, first: int, count: int, material: Material, capabilities: frozenset[str]
) -> Iterator[tuple[int, Script]]:
    for script in kept:
        yield -1, script
    for number in range(first, first + count):
        yield number, script_number(seed, number, material, capabilities)


def _reduce(
    judge: Judge,
    setting: Setting,
    script: Script,
    signature: Signature,
    number: int,
    before: Searching,
    recent: Sequence[Script],
) -> Find:
    """The find that a script is, shrunk, and shown to a backend made anew.

    If that doesn't show it, what was asked before may have spoilt the one that did: then that belongs to the script.
    """

    def holds(candidate: Script) -> bool:
        if not _can_be_asked(candidate, setting.codec):
            return False
        return class_of(judge.judge(candidate)) == signature

    def holds_anew(candidate: Script) -> bool:
        judge.renew()
        return holds(candidate)

    begun = time.monotonic()
    simple, joined = simple_tokens(setting.vocabulary), functools.partial(_joined, setting.vocabulary)
    most = _EXECUTIONS.get(signature[1], MOST_EXECUTIONS)
    shrunk = shrink(script, holds, simple, most, joined)
    if not holds_anew(shrunk.script):
        counts = (0, *(2**power for power in range(_MOST_RECENT.bit_length())))
        longer = (joined_scripts([*recent[len(recent) - count :], script]) for count in counts if count <= len(recent))
        whole = next((candidate for candidate in longer if holds_anew(candidate)), None)
        if whole is not None:
            spent = shrunk.executions
            shrunk = shrink(whole, holds_anew, simple, min(_ANEW, most), joined)
            shrunk = dataclasses.replace(shrunk, executions=shrunk.executions + spent)
            script = whole
    judge.renew()
    violations = tuple(judge.judge(shrunk.script))
    repeats = class_of(violations) == signature
    if not repeats:
        violations = tuple(judge.judge(script))
    result = shrunk.script if repeats else script
    return Find(
        signature=signature,
        number=number,
        original=script,
        script=result,
        violations=violations,
        answers=tuple(judge.answers(result)),
        messages=before.messages,
        seconds=before.seconds,
        executions=shrunk.executions,
        shrink_seconds=time.monotonic() - begun,
        repeats=repeats,
    )


def _joined(vocabulary: Vocabulary, one: int, other: int) -> int | None:
    """The token that has the bytes of two."""
    by_id = vocabulary.bytes_by_id
    if one not in by_id or other not in by_id:
        return None
    return vocabulary.id_by_bytes.get(by_id[one] + by_id[other])


def _can_be_asked(script: Script, codec: TransformersCodec) -> bool:
    """Whether the chat template takes every conversation of a script."""
    return all(
        isinstance(request.prompt, str) or codec.renders([dict(turn) for turn in request.prompt])
        for step in script.steps
        if isinstance(step, Encode)
        for request in step.requests
    )
