"""The gate: every implementation against every golden, as a stream of events."""

from __future__ import annotations

import datetime
import fnmatch
import functools
import os
import queue
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from harness.engine import Engine, LocalEngine, Session, Suite, Terms
from harness.errors import TargetError, UnknownCorpus
from harness.events import CaseKnown, CaseRed, CorpusDone, Event, KnownRed, NotRun, Progress, RunFinished, RunStarted
from harness.golden import Entry
from harness.known import Entry as Known
from harness.known import Finding, Ledger, Problem, of_target
from harness.model import Divergence, Kind
from harness.targets import Target

_MOST_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Options:
    """How implementations are run. Times are in seconds, `memory_limit` in megabytes.

    `case_timeout` is for programs, and counted between batches.

    An implementation is given up for a tokenizer after `most_faults` crashes, hangs and errors, each of which costs
    a new start, or after `most_red` red cases. `known` has the known failures of each target by its name; they are
    over when they expire before `today`, and never seen if their tokenizer is not among those that there are.
    """

    in_process: bool = False
    start_timeout: float = 60.0
    batch_timeout: float = 30.0
    case_timeout: float = 300.0
    most_faults: int = 10
    most_red: int = 1_000_000
    jobs: int = 2
    known: Mapping[str, Sequence[Known]] = field(default_factory=dict)
    today: datetime.date = datetime.date.min
    tokenizers: Collection[str] = ()
    memory_limit: int | None = None

    @property
    def terms(self) -> Terms:
        """What of this is about running an implementation."""
        return Terms(
            self.in_process,
            self.start_timeout,
            self.batch_timeout,
            self.case_timeout,
            self.memory_limit,
            self.most_faults,
        )


def check(
    targets: Sequence[Target], suites: Sequence[Suite], options: Options, engine: Engine | None = None
) -> Iterator[Event]:
    """Judge every target on every suite. The last event is a `RunFinished` with the exit code.

    Targets are judged side by side, `jobs` at a time, each in the order of the suites; here, if no engine is given.
    """
    engine = engine or LocalEngine()
    corpora = tuple(dict.fromkeys(entry.corpus for suite in suites for entry in suite.entries))
    messages = sum(entry.messages for suite in suites for entry in suite.entries)
    if not messages:
        raise UnknownCorpus(
            "the selection has no cases",
            cause="the chosen corpora have nothing for the chosen tokenizers",
            hint="choose others (`parity list`)",
        )
    names = tuple(target.name for target in targets)
    yield RunStarted(names, tuple(suite.tokenizer for suite in suites), corpora, messages * len(targets))
    cases = red = judged = not_run = known = known_red = 0
    exit_code = 0
    judged_targets = {target.name: 0 for target in targets if target.asked or not target.lacking}
    judging = _side_by_side(targets, suites, options, engine)
    for event in chain(_without_tokenizer(targets, suites, options), judging):
        yield event
        if isinstance(event, CorpusDone):
            cases, red, judged = cases + event.cases, red + event.red, judged + event.messages
            judged_targets[event.target] += event.cases
            known += event.known
        elif isinstance(event, KnownRed):
            known_red += 1
        elif isinstance(event, NotRun):
            not_run += event.red
            if event.red and event.what == "start":
                exit_code = 2
    if exit_code == 0 and (red or known_red or not_run or not cases or not all(judged_targets.values())):
        exit_code = 1
    yield RunFinished(exit_code, cases, red, judged, not_run, known, known_red)


def _side_by_side(
    targets: Sequence[Target], suites: Sequence[Suite], options: Options, engine: Engine
) -> Iterator[Event]:
    """The events of every target on every suite, job after job, whichever is done first; progress comes at once."""
    jobs = [(target, suite) for suite in suites for target in targets]
    held: list[list[Event]] = [[] for _ in jobs]
    done = 0
    finished: set[int] = set()
    # Bounded: whoever shows the events may be slower than what makes them.
    arriving: queue.Queue[tuple[int, Event | BaseException | None]] = queue.Queue(_MOST_WAITING)
    waiting = iter(enumerate(jobs))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                at, job = next(waiting, (-1, None))
            if job is None:
                return
            try:
                for event in judge(*job, options, engine):
                    arriving.put((at, event))
            except BaseException as error:
                arriving.put((at, error))
                return
            arriving.put((at, None))

    for _ in range(max(1, min(options.jobs, len(jobs), os.cpu_count() or 1))):
        threading.Thread(target=work, daemon=True).start()
    while done < len(jobs):
        at, event = arriving.get()
        if isinstance(event, BaseException):
            raise event
        if isinstance(event, Progress):
            yield event
        elif event is not None:
            held[at].append(event)
        else:
            finished.add(at)
        while done < len(jobs):
            yield from held[done]
            held[done].clear()
            if done not in finished:
                break
            done += 1


def judge(target: Target, suite: Suite, options: Options, engine: Engine | None = None) -> Iterator[Event]:
    """Judge one target on one suite; here, if no engine is given."""
    not_run = functools.partial(NotRun, target.name, suite.tokenizer)
    if target.lacking:
        yield not_run("anything", target.lacking, red=target.asked)
        return
    try:
        session = (engine or LocalEngine()).open(target, suite, options.terms)
    except (TargetError, ImportError) as error:
        yield not_run("start", str(error), red=True)
        return
    patience = _Patience(options.most_faults, options.most_red)
    known = of_target(options.known.get(target.name, ()), target.name)
    ledger = Ledger([entry for entry in known if entry.tokenizer == suite.tokenizer], options.today)
    unjudged = set()
    try:
        for entry in suite.entries:
            needs = [entry.operation, *(["abort"] if entry.aborts else [])]
            lacking = [need for need in needs if need not in session.capabilities]
            if lacking:
                cause = f"it offers no {' and no '.join(lacking)}"
                yield not_run(f"{entry.corpus} {entry.operation}", cause, red=False)
                continue
            judged = 0
            for event in _judge_corpus(session, target, suite, entry, patience, ledger):
                judged = event.cases if isinstance(event, CorpusDone) else judged
                yield event
            if judged < entry.cases:
                unjudged.add(entry.corpus)
                cause = f"{entry.cases - judged} of {entry.cases} cases: given up after {patience.spent}"
                yield not_run(f"{entry.corpus} {entry.operation}", cause, red=True)
    except TargetError as error:
        yield not_run("the rest", str(error), red=True)
        unjudged.update(entry.corpus for entry in suite.entries)
    finally:
        session.close()
    yield from _known_red(target, suite, ledger, unjudged)


def _without_tokenizer(targets: Sequence[Target], suites: Sequence[Suite], options: Options) -> Iterator[Event]:
    """The known failures that no run can see."""
    there_are = {*options.tokenizers, *(suite.tokenizer for suite in suites)}
    for target in targets:
        for entry in of_target(options.known.get(target.name, ()), target.name):
            if entry.tokenizer not in there_are:
                yield _red_entry(target, Finding(entry, Problem.UNSEEN, "there is no such tokenizer"))


def _red_entry(target: Target, finding: Finding) -> KnownRed:
    entry = finding.entry
    return KnownRed(
        target.name,
        entry.tokenizer,
        finding.problem,
        entry.what,
        finding.cause,
        entry.issue,
        entry.owner,
        finding.still,
    )


def _known_red(target: Target, suite: Suite, ledger: Ledger, unjudged: Collection[str]) -> Iterator[Event]:
    """What no longer holds of the known failures. An entry is unseen only if all that it could be of was judged."""
    chosen = {entry.corpus for entry in suite.entries}

    def judged(corpus: str) -> bool:
        meant = fnmatch.filter(chosen, corpus)
        return not fnmatch.filter(unjudged, corpus) and (suite.whole or bool(meant))

    for finding in ledger.findings(judged):
        yield _red_entry(target, finding)


class _Patience:
    """How much more an implementation may do wrong before it is given up."""

    def __init__(self, faults: int, red: int) -> None:
        self._left = {"faults": faults, "red cases": red}
        self._had = dict(self._left)

    @property
    def is_over(self) -> bool:
        return not all(self._left.values())

    @property
    def spent(self) -> str:
        return " and ".join(f"{self._had[what]} {what}" for what, left in self._left.items() if not left)

    def spend(self, divergence: Divergence, *, known: bool = False) -> None:
        self._left["red cases"] -= self._left["red cases"] > 0 and not known
        if divergence.kind in (Kind.CRASH, Kind.HANG, Kind.ERROR):
            self._left["faults"] -= self._left["faults"] > 0


def _judge_corpus(
    session: Session, target: Target, suite: Suite, entry: Entry, patience: _Patience, ledger: Ledger
) -> Iterator[Event]:
    cases = red = messages = known = 0
    outcomes = iter(()) if patience.is_over else session.outcomes(entry)
    for outcome in outcomes:
        divergence = outcome.divergence
        cases, messages = cases + 1, messages + outcome.messages
        excuse = ledger.excuse(outcome.case, divergence.kind if divergence is not None else None)
        if divergence is not None and excuse is not None:
            known += 1
            patience.spend(divergence, known=True)
            yield CaseKnown(target.name, suite.tokenizer, entry.corpus, entry.operation, divergence, excuse.issue)
        elif divergence is not None:
            red += 1
            patience.spend(divergence)
            yield CaseRed(target.name, suite.tokenizer, entry.corpus, entry.operation, divergence)
        yield Progress(target.name, suite.tokenizer, outcome.messages)
        if patience.is_over:
            break
    yield CorpusDone(target.name, suite.tokenizer, entry.corpus, entry.operation, cases, red, messages, known)
