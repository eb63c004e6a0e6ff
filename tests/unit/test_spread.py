from __future__ import annotations

import pathlib
import random
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace

import pytest

from harness import golden
from harness.convert import from_byte_tokens
from harness.engine import Outcome, Suite, Terms, faulty
from harness.errors import Fault, GoldenError, TargetError
from harness.golden import DetokenizeCase, Entry, TokenizeCase
from harness.model import Event, Kind, Program
from harness.spread import MOST_LOSSES, Job, Judged, Span, judge_span, span_cases, spread
from harness.targets import Target

CASES = 41
ROWS = 7


@pytest.fixture
def suite(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A golden of many row groups with a few cases each."""
    folder, goldens = tmp_path / "tokenizer", tmp_path / "goldens"
    folder.mkdir()
    goldens.mkdir()
    (folder / "tokenizer.json").write_bytes(from_byte_tokens(b"e4 b8\n"))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|end|>"}')
    monkeypatch.setattr(golden, "_ROW_GROUP", 6 * ROWS)
    events = [Event.FEED] * (ROWS - 1) + [Event.FINISH]
    programs = [Program(f"c/{at}", [at] * ROWS, [97] * ROWS, events, [1] * ROWS) for at in range(CASES)]
    path = goldens / "c.detokenize.parquet"
    written = golden.write_detokenize(path, ((program, ["a"] * ROWS) for program in programs))
    entry = Entry("c", "", "detokenize", path.name, golden.file_sha256(path), *written, False)
    assert golden.count_groups(path) == 7
    return Suite("tiny", folder, goldens, (entry,))


@pytest.fixture
def job(suite: Suite) -> Job:
    return Job(Target("t"), suite.folder, "", suite.goldens, "", Terms(False, 1, 1, 1, None, 10))


def _green(case: DetokenizeCase | TokenizeCase) -> Outcome:
    assert isinstance(case, DetokenizeCase)
    return Outcome(case.program.id, ROWS, None)


class FakeCrew:
    """Workers without processes: which of them is done first, and which dies for no reason, is drawn.

    A span with a case of `deadly` always takes its worker with it.
    """

    def __init__(self, suite: Suite, seed: int, deadly: Collection[str] = (), killed: int = 0) -> None:
        self.size = 3
        self._path = suite.goldens / suite.entries[0].file
        self._chance = random.Random(seed)
        self._deadly = deadly
        self._killed = killed
        # As after a death: the new workers are not ready yet.
        self._idle = 0
        self._starting = self.size
        self._busy: list[Span] = []
        self.judged: Counter[str] = Counter()
        self.deaths = 0
        self.furthest: list[int] = []

    @property
    def is_idle(self) -> bool:
        return self._idle > 0

    def give(self, job: Job, span: Span) -> None:
        self._idle -= 1
        assert self._idle >= 0
        self._busy.append(span)
        self.furthest.append(span.group)

    def take(self) -> tuple[Span, Judged | None] | None:
        if self._starting and (not self._busy or self._chance.random() < 0.5):
            self._starting -= 1
            self._idle += 1
            return None
        span = self._busy.pop(self._chance.randrange(len(self._busy)))
        self._idle += 1
        cases = list(span_cases(self._path, span))
        outcomes = tuple(map(_green, cases))
        killed = self._killed > 0 and self._chance.random() < 0.5
        if killed or any(outcome.case in self._deadly for outcome in outcomes):
            self._killed -= killed
            self.deaths += 1
            self._idle -= 1
            self._starting += 1
            return span, None
        self.judged.update(outcome.case for outcome in outcomes)
        return span, Judged(outcomes)


def _spread(crew: FakeCrew, suite: Suite, job: Job) -> list[Outcome]:
    return list(spread(crew, job, suite, suite.entries[0]))


@pytest.mark.parametrize("seed", range(10))
def test_outcomes_come_in_the_order_of_the_golden(suite: Suite, job: Job, seed: int) -> None:
    crew = FakeCrew(suite, seed)
    assert _spread(crew, suite, job) == [Outcome(f"c/{at}", ROWS, None) for at in range(CASES)]
    assert set(crew.judged.values()) == {1}


@pytest.mark.parametrize("seed", range(10))
def test_the_cases_of_a_dead_worker_are_run_again(suite: Suite, job: Job, seed: int) -> None:
    crew = FakeCrew(suite, seed, killed=2)
    assert _spread(crew, suite, job) == [Outcome(f"c/{at}", ROWS, None) for at in range(CASES)]
    assert crew.deaths == 2
    assert set(crew.judged.values()) == {1}


@pytest.mark.parametrize("seed", range(10))
def test_a_poisoned_case_is_named_and_the_rest_goes_on(suite: Suite, job: Job, seed: int) -> None:
    crew = FakeCrew(suite, seed, deadly=("c/3", "c/4", "c/40"))
    outcomes = _spread(crew, suite, job)
    assert [outcome.case for outcome in outcomes] == [f"c/{at}" for at in range(CASES)]
    red = {outcome.case: outcome.divergence for outcome in outcomes if outcome.divergence is not None}
    assert red.keys() == {"c/3", "c/4", "c/40"}
    assert {found.kind for found in red.values()} == {Kind.CRASH}
    assert all("poisoned" in found.got for found in red.values())
    assert len(crew.judged) == CASES - 3
    assert crew.deaths <= 3 * (MOST_LOSSES + 3)


def test_no_more_is_given_out_than_a_few_spans_ahead(suite: Suite, job: Job) -> None:
    class Stubborn(FakeCrew):
        """Does the first span last."""

        def take(self) -> tuple[Span, Judged | None] | None:
            if self._starting:
                self._starting -= 1
                self._idle += 1
                return None
            if len(self._busy) > 1:
                self._busy.sort(key=lambda span: -span.group)
                span = self._busy.pop(0)
                self._idle += 1
                return span, Judged(tuple(map(_green, span_cases(self._path, span))))
            return super().take()

    crew = Stubborn(suite, 0)
    crew.size, crew._starting = 1, 2
    outcomes = spread(crew, job, suite, suite.entries[0])
    assert next(outcomes).case == "c/0"
    assert max(crew.furthest) == 3
    assert len(list(outcomes)) == CASES - 1


def test_what_a_worker_could_not_start_again_ends_it_there(suite: Suite, job: Job) -> None:
    class Refusing(FakeCrew):
        def take(self) -> tuple[Span, Judged | None] | None:
            taken = super().take()
            if taken is not None and taken[1] is not None and taken[0].group == 2:
                return taken[0], Judged(taken[1].outcomes[:2], TargetError("it is gone"))
            return taken

    outcomes = spread(Refusing(suite, 1), job, suite, suite.entries[0])
    assert [next(outcomes).case for _ in range(14)] == [f"c/{at}" for at in range(14)]
    with pytest.raises(TargetError, match="it is gone"):
        next(outcomes)


def test_a_damaged_golden_is_noticed_before_it_is_spread(suite: Suite, job: Job) -> None:
    (entry,) = suite.entries
    with pytest.raises(GoldenError, match="damaged"):
        _spread(
            FakeCrew(suite, 0),
            replace(suite, entries=(Entry("c", "", "detokenize", entry.file, "", "", 1, 1, False),)),
            job,
        )


def test_a_worker_goes_no_further_than_to_the_most_faults(suite: Suite) -> None:
    span = Span(suite.entries[0], 0)
    cases: Iterator[DetokenizeCase | TokenizeCase] = span_cases(suite.goldens / span.entry.file, span)

    def crash(case: DetokenizeCase | TokenizeCase) -> Outcome:
        return faulty(case, Fault(Kind.CRASH, 0, "boom"), suite.folder)

    judged = judge_span(cases, crash, most_faults=2)
    assert [outcome.case for outcome in judged.outcomes] == ["c/0", "c/1"]
