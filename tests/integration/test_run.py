from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

import pytest

from harness.engine import Suite
from harness.errors import UnknownCorpus
from harness.events import CaseRed, CorpusDone, Event, NotRun, Progress, RunFinished, RunStarted
from harness.model import Kind
from harness.run import Options, check
from harness.targets import Target

Named = Callable[[str], Target]

PYTHON = Target("python", spec="impls.python:factory")


def _only(suite: Suite, *corpora: str) -> Suite:
    return dataclasses.replace(suite, entries=tuple(e for e in suite.entries if e.corpus in corpora))


def _footer(events: list[Event]) -> RunFinished:
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert sum(isinstance(event, RunFinished) for event in events) == 1
    return last


def test_an_exact_implementation_is_green(small_suite: Suite) -> None:
    events = list(check([PYTHON], [small_suite], Options()))
    footer = _footer(events)
    messages = sum(entry.messages for entry in small_suite.entries)
    cases = sum(entry.cases for entry in small_suite.entries)
    assert footer == RunFinished(0, cases, 0, messages, 0)
    assert isinstance(events[0], RunStarted)
    assert events[0].corpora == ("calm", "loud", "bytes", "eos", "aborts")
    assert sum(event.messages for event in events if isinstance(event, Progress)) == messages
    assert [event.corpus for event in events if isinstance(event, CorpusDone)] == [
        entry.corpus for entry in small_suite.entries
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("segfault", Kind.CRASH),
        ("exits", Kind.CRASH),
        ("hangs", Kind.HANG),
        ("raises", Kind.ERROR),
        ("too_few", Kind.ERROR),
        ("too_many", Kind.ERROR),
        ("as_bytes", Kind.ERROR),
        ("as_none", Kind.ERROR),
        ("as_ints", Kind.ERROR),
        ("surrogate", Kind.ERROR),
        ("reorders", Kind.REORDERED),
        ("doubles", Kind.DOUBLED),
        ("drops", Kind.LOST),
        ("delays", Kind.LATE),
    ],
)
def test_a_broken_one_is_red_and_the_others_are_judged(
    small_suite: Suite, broken_target: Named, name: str, kind: Kind
) -> None:
    suite = _only(small_suite, "calm", "loud")
    events = list(check([broken_target(name), PYTHON], [suite], Options(batch_timeout=1.0, jobs=1)))
    reds = [event for event in events if isinstance(event, CaseRed)]
    assert {(red.target, red.corpus) for red in reds} == {(name, "loud")}
    assert {red.divergence.kind for red in reds if red.operation == "detokenize"} == {kind}
    cases = Counter({"python": 0, name: 0})
    for event in events:
        if isinstance(event, CorpusDone):
            cases[event.target] += event.cases
    assert cases == {target: sum(e.cases for e in suite.entries) for target in cases} or name == "delays"
    assert _footer(events).exit_code == 1


@pytest.mark.parametrize(
    ("name", "what", "cause"),
    [
        ("no_tokenize", {"calm tokenize", "loud tokenize"}, "it offers no tokenize"),
        ("no_abort", {"aborts detokenize"}, "it offers no abort"),
        (
            "no_detokenize",
            {"calm detokenize", "loud detokenize", "bytes detokenize", "eos detokenize"},
            "it offers no detokenize",
        ),
    ],
)
def test_a_lacking_capability_is_said_and_not_red(
    small_suite: Suite, broken_target: Named, name: str, what: set[str], cause: str
) -> None:
    events = list(check([broken_target(name)], [small_suite], Options()))
    missing = [event for event in events if isinstance(event, NotRun)]
    assert {event.what for event in missing if event.cause == cause} == what
    assert not any(event.red for event in missing)
    assert _footer(events).exit_code == 0
    assert _footer(events).not_run == 0


def test_a_target_that_was_never_judged_is_not_green(small_suite: Suite, broken_target: Named) -> None:
    events = list(check([broken_target("no_detokenize"), PYTHON], [_only(small_suite, "eos")], Options()))
    assert _footer(events).red == 0
    assert _footer(events).exit_code == 1


def test_what_does_not_start_is_a_set_up_error(small_suite: Suite, broken_target: Named) -> None:
    events = list(check([broken_target("cannot_start"), PYTHON], [_only(small_suite, "eos")], Options()))
    (missing,) = [event for event in events if isinstance(event, NotRun)]
    assert (missing.target, missing.what, missing.red) == ("cannot_start", "start", True)
    assert "the disk is on fire" in missing.cause
    assert [event.target for event in events if isinstance(event, CorpusDone)] == ["python"]
    assert _footer(events).exit_code == 2


def test_no_cases_are_an_error(small_suite: Suite) -> None:
    with pytest.raises(UnknownCorpus, match="no cases"):
        list(check([PYTHON], [_only(small_suite)], Options()))
    with pytest.raises(UnknownCorpus):
        list(check([PYTHON], [], Options()))


def test_too_many_faults_end_it_for_the_tokenizer(small_suite: Suite, broken_target: Named) -> None:
    suite = _only(small_suite, "loud", "calm", "eos")
    events = list(check([broken_target("raises")], [suite], Options(most_faults=1)))
    assert sum(isinstance(event, CaseRed) for event in events) == 1
    missing = [event for event in events if isinstance(event, NotRun)]
    assert missing
    assert all(event.red and "given up after 1 faults" in event.cause for event in missing)
    footer = _footer(events)
    assert footer.exit_code == 1
    assert footer.not_run == len(missing)
    assert footer.cases < sum(entry.cases for entry in suite.entries)


def test_the_same_run_gives_the_same_events(small_suite: Suite, broken_target: Named) -> None:
    targets = [PYTHON, broken_target("drops"), broken_target("raises")]
    suite = _only(small_suite, "calm", "loud", "eos")

    def run(jobs: int, in_process: bool) -> list[str]:
        return sorted(map(repr, check(targets, [suite], Options(jobs=jobs, in_process=in_process))))

    assert run(1, False) == run(3, False) == run(1, True)


@pytest.mark.parametrize("asked", [True, False])
def test_what_is_not_built_is_red_only_where_it_was_asked_for(small_suite: Suite, asked: bool) -> None:
    absent = Target("absent", spec="m:f", lacking="the module m is not installed: build it", asked=asked)
    events = list(check([absent, PYTHON], [_only(small_suite, "calm")], Options()))
    (not_run,) = [event for event in events if isinstance(event, NotRun)]
    assert (not_run.target, not_run.red) == ("absent", asked)
    assert "not installed" in not_run.cause
    assert _footer(events).exit_code == (1 if asked else 0)


def test_a_run_of_nothing_is_red(small_suite: Suite) -> None:
    absent = Target("absent", spec="m:f", lacking="not built", asked=False)
    assert _footer(list(check([absent], [_only(small_suite, "calm")], Options()))).exit_code == 1
