"""A bug on trial: its smallest program, the goldens, the search and the laws, each on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from harness.engine import Suite
from harness.events import BugJudged, CaseRed
from harness.fuzz import Budget, Find, Setting, hunt, isolated_judge_of, judge_of
from harness.judges import Judge
from harness.laws import LAWS, Violation
from harness.model import Kind
from harness.protocol import Factory
from harness.run import Options
from harness.run import judge as judge_by_goldens
from harness.script import Script
from harness.targets import Target, load_factory
from harness.zoo.catalogue import Specimen
from harness.zoo.checks import FAULTS, Check, read_check

_MOST_RED = 400
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Court:
    """What bugs of one tokenizer are judged with.

    The control is an implementation that has none of them, judged `by_reference` and `by_laws`.
    """

    suite: Suite
    setting: Setting
    by_reference: Judge
    by_laws: Judge


def open_court(suite: Suite, setting: Setting, control: Factory) -> Court:
    """A court with this control."""
    return Court(suite, setting, judge_of(control, setting, "reference"), judge_of(control, setting, "laws"))


@dataclass(frozen=True, slots=True)
class Shown:
    """What a script shows of a bug: the class of the first answer that isn't the reference's, and the laws broken.

    Laws that the control breaks as well are left out: they are the reference's own defects.
    """

    kind: str
    laws: tuple[str, ...]

    def by(self, check: Check) -> str:
        """What it shows by the judge of a check: of the laws that it breaks the check's, or else the first."""
        if check.kind is not None:
            return self.kind
        return check.law if check.law in self.laws else next(iter(self.laws), "")


def judge_bug(specimen: Specimen, court: Court, budget: Budget) -> BugJudged:
    """Let a bug loose on every judge."""
    bug = specimen.bug
    check = read_check(bug.check)
    shown = show(specimen, court, bug.smallest)
    goldens = by_goldens(specimen, court, check)
    finds = by_search(specimen, court, budget, shown.kind)
    laws = shown.laws
    if finds:
        broken = {*laws, *show(specimen, court, finds[-1].script).laws}
        laws = tuple(law for law in LAWS if law in broken)
    return BugJudged(
        bug=specimen.name,
        seen=bug.seen,
        tokenizer=bug.tokenizer,
        check=bug.check,
        smallest=bug.smallest.messages,
        shown=shown.by(check),
        goldens=", ".join(goldens),
        law=check.law if check.law in laws else next(iter(laws), ""),
        search=", ".join(dict.fromkeys(_class(find) for find in finds)),
        seconds=round(finds[0].seconds, 3) if finds else 0.0,
        found=finds[-1].script.messages if finds else 0,
        red=tuple(_wrong(specimen, court, check, shown, goldens)),
    )


def show(specimen: Specimen, court: Court, script: Script) -> Shown:
    """What a script shows of a bug."""
    with closing(_judge(specimen, court, "reference")) as judge:
        kind = _first(judge.judge(script))
    with closing(_judge(specimen, court, "laws")) as judge:
        broken = [violation.law for violation in judge.judge(script)]
    usual = {violation.law for violation in court.by_laws.judge(script)}
    return Shown(kind, tuple(law for law in broken if law not in usual))


def by_goldens(specimen: Specimen, court: Court, check: Check) -> list[str]:
    """The classes by which the goldens catch a bug, up to the one that its check names."""
    isolated = check.kind in FAULTS
    options = Options(in_process=not isolated, batch_timeout=_PATIENCE, most_red=_MOST_RED, most_faults=_MOST_RED)
    target = Target(specimen.name, spec=specimen.spec)
    classes: list[str] = []
    for event in judge_by_goldens(target, court.suite, options):
        if not isinstance(event, CaseRed):
            continue
        kind = event.divergence.kind
        if kind.value not in classes:
            classes.append(kind.value)
        if check.kind in (None, kind):
            break
    return classes


def by_search(specimen: Specimen, court: Court, budget: Budget, wanted: str) -> list[Find]:
    """What the search finds of a bug, one a class, up to the class that the smallest program shows."""
    with closing(_judge(specimen, court, "reference")) as judge:
        events = hunt(judge, court.setting, budget=budget, enough=lambda find: _class(find) == wanted)
        return [event for event in events if isinstance(event, Find)]


def _judge(specimen: Specimen, court: Court, profile: str) -> Judge:
    if read_check(specimen.bug.check).kind in FAULTS:
        return isolated_judge_of(specimen.spec, court.setting, profile, _PATIENCE)
    return judge_of(load_factory(specimen.spec), court.setting, profile)


def _class(find: Find) -> str:
    """The class of a find, which may have no violations left: a backend made anew may not show it again."""
    what = find.signature[1]
    return Kind.ERROR.value if what.startswith(f"{Kind.ERROR.value} ") else what


def _first(violations: Sequence[Violation]) -> str:
    return violations[0].kind.value if violations else ""


def _wrong(specimen: Specimen, court: Court, check: Check, shown: Shown, goldens: Sequence[str]) -> Iterator[str]:
    """What is wrong with a bug, or with the harness that let it pass."""
    bug = specimen.bug
    expected = check.law or (check.kind.value if check.kind else "")
    if shown.by(check) != expected:
        yield f"the smallest program shows {shown.by(check) or 'nothing'}, not {expected}"
    if check.kind is not None and check.kind.value not in goldens:
        yield f"the goldens show {', '.join(goldens) or 'nothing'}, not {expected}"
    left = _first(court.by_reference.judge(bug.smallest))
    if left:
        yield f"the control shows {left} on the smallest program"
