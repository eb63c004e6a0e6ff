"""For other people's test suites: one call that searches an implementation for what is wrong, and replays of finds."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

from harness.adapters.player import DirectPlayer
from harness.assets import read_pins, resolve
from harness.fuzz import Budget, Find, Setting, hunt, judge_of, read_setting
from harness.laws import judge
from harness.model import DetokenizeRequest, TokenizeRequest
from harness.project import find_project
from harness.protocol import Factory
from harness.report.finds import describe
from harness.script import Abort, Encode, Feed, Script, Step, is_hostile
from harness.subject import Subject
from harness.targets import load_factory
from harness.tokenizer import check_folder
from harness.visible import visible

__all__ = ["abort", "assert_answers", "assert_conformant", "assert_keeps_laws", "encode", "feed", "load_factory"]


def assert_conformant(
    factory: Factory,
    *,
    tokenizer: str | pathlib.Path,
    profile: str = "reference",
    scripts: int = 1000,
    seed: int = 0,
) -> None:
    """Search an implementation for what is wrong; an AssertionError shows the smallest script that was found.

    `tokenizer` is the name of a pinned one, or a folder. `profile` is `reference`, chunk by chunk what the reference
    answers, or `laws`. The search is the same each time: `scripts` and `seed` say how long it is and which.
    """
    setting = setting_of(tokenizer)
    court = judge_of(factory, setting, profile)
    try:
        for event in hunt(court, setting, seed=seed, budget=Budget(scripts)):
            if isinstance(event, Find):
                raise AssertionError("\n".join(describe(event, setting.codec, setting.vocabulary)))
    finally:
        court.close()


def feed(*messages: tuple[int, int, bool]) -> Feed:
    """One call of `detokenize`: (uid, token, finished) for each message."""
    return Feed(tuple(DetokenizeRequest(*message) for message in messages))


def encode(*prompts: tuple[int, str | Sequence[Mapping[str, str]]]) -> Encode:
    """One call of `tokenize`: (uid, prompt) for each request."""
    return Encode(tuple(TokenizeRequest(*prompt) for prompt in prompts))


def abort(uid: int) -> Abort:
    """One call of `abort`."""
    return Abort(uid)


def assert_answers(
    factory: Factory, *, tokenizer: str | pathlib.Path, calls: Sequence[tuple[Step, Sequence[object]]]
) -> None:
    """Make calls one after the other, each with the answers that it must have; an abort has none.

    A call with an id that is none may be answered or refused: what comes after it is what counts.
    """
    subject = Subject(DirectPlayer(factory, folder_of(tokenizer)), moves=False)
    try:
        script = Script(tuple(step for step, _ in calls))
        answers, fault = subject.ask(script)
        if fault is not None:
            raise AssertionError(f"call {fault.step}: {fault.what}")
        for at, ((step, expected), answer) in enumerate(zip(calls, answers, strict=True)):
            if not isinstance(step, Abort) and not is_hostile(step) and list(expected) != answer:
                raise AssertionError(f"call {at}: expected {list(expected)!r}, got {answer!r}")
    finally:
        subject.close()


def assert_keeps_laws(factory: Factory, *, tokenizer: str | pathlib.Path, calls: Sequence[Step]) -> None:
    """Make calls one after the other, and judge the answers by every law."""
    setting = setting_of(tokenizer)
    subject = Subject(DirectPlayer(factory, setting.folder), moves=False)
    try:
        violations = judge(subject.trial(Script(tuple(calls))), setting.decoder)
    finally:
        subject.close()
    if violations:
        shown = (
            f"{violation.law}: call {violation.step}, slot {violation.slot}, uid {violation.uid}: {violation.why}; "
            f"expected {visible(violation.expected)}, got {visible(violation.got)}"
            for violation in violations
        )
        raise AssertionError("\n".join(shown))


def folder_of(tokenizer: str | pathlib.Path) -> pathlib.Path:
    """The folder of a pinned tokenizer, or the one given."""
    corpora = find_project(pathlib.Path.cwd()).corpora
    if str(tokenizer) in {pin.name for pin in read_pins(corpora)}:
        return resolve(str(tokenizer), corpora)
    folder = pathlib.Path(tokenizer)
    check_folder(folder)
    return folder


@lru_cache(4)
def setting_of(tokenizer: str | pathlib.Path) -> Setting:
    """What a search needs of a tokenizer; made once."""
    return read_setting(str(tokenizer), folder_of(tokenizer), find_project(pathlib.Path.cwd()).corpora)
