"""A run in a terminal: progress while it goes on, then a table, then the divergences. Plain lines elsewhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from harness.events import CaseKnown, CaseRed, CorpusDone, Event, KnownRed, NotRun, RunFinished, RunStarted
from harness.events import Progress as Judged
from harness.model import TokenView
from harness.visible import escaped

_MOST_SHOWN = 10
_MOST_COLUMNS = 8


class Summary:
    """What the table and the list of divergences are made of, gathered event by event."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.finished: RunFinished | None = None
        self.reds: dict[str, list[CaseRed]] = defaultdict(list)
        """The first red cases of each implementation, as many as are shown; `all_red` counts them all."""
        self.all_red: Counter[str] = Counter()
        self.not_run: list[NotRun] = []
        self.cases: Counter[tuple[str, str]] = Counter()
        self.red: Counter[tuple[str, str]] = Counter()
        self.known: Counter[tuple[str, str]] = Counter()
        self.issues: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self.known_red: list[KnownRed] = []

    def add(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, RunStarted):
            self.started = event
        elif isinstance(event, RunFinished):
            self.finished = event
        elif isinstance(event, CaseRed):
            self.all_red[event.target] += 1
            if len(self.reds[event.target]) < _MOST_SHOWN:
                self.reds[event.target].append(event)
        elif isinstance(event, CaseKnown):
            self.known[event.target, event.tokenizer] += 1
            self.issues[event.target, event.tokenizer][event.issue] = None
        elif isinstance(event, KnownRed):
            self.known_red.append(event)
        elif isinstance(event, NotRun):
            self.not_run.append(event)
        elif isinstance(event, CorpusDone):
            self.cases[event.target, event.tokenizer] += event.cases
            self.red[event.target, event.tokenizer] += event.red


def watch(events: Iterable[Event], console: Console) -> Iterator[Event]:
    """Pass the events on, showing how far the run is; then show what came of it."""
    summary = Summary()
    with _bar(console) as bar:
        task = bar.add_task("starting", total=None)
        for event in events:
            summary.add(event)
            if isinstance(event, RunStarted):
                bar.update(task, total=event.messages, description="judging")
            elif isinstance(event, Judged):
                bar.update(task, advance=event.messages, description=f"{event.target} on {event.tokenizer}")
            elif isinstance(event, CorpusDone) and not console.is_terminal:
                verdict = f"{event.red} red" if event.red else "green"
                verdict += f", {event.known} known" if event.known else ""
                console.print(
                    f"{event.target} {event.tokenizer} {event.corpus} {event.operation}: "
                    f"{event.cases} cases, {event.messages} messages, {verdict}",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
            yield event
    show(summary, console)


def show(summary: Summary, console: Console) -> None:
    """The table, what wasn't run, and the divergences."""
    started, finished = summary.started, summary.finished
    if started is None or finished is None:
        console.print("the run was cut off")
        return
    table = _table(summary, started)
    console.print(table)
    for entry in _grouped(summary.not_run):
        console.print(Text(entry), soft_wrap=True)
    for (target, tokenizer), known in summary.known.items():
        issues = ", ".join(summary.issues[target, tokenizer])
        console.print(Text(escaped(f"known: {target} on {tokenizer}, {known} cases, see {issues}")), soft_wrap=True)
    for finding in summary.known_red:
        console.print(Text("\n".join(describe_entry(finding))), soft_wrap=True)
    for target in started.targets:
        for red in summary.reds[target]:
            console.print(Text("\n".join(describe(red))), soft_wrap=True)
        if summary.all_red[target] > _MOST_SHOWN:
            console.print(f"… and {summary.all_red[target] - _MOST_SHOWN} more red cases of {target}", markup=False)
    word = "green" if finished.exit_code == 0 else "red"
    console.print(
        f"{word}: {finished.cases} cases, {finished.red} red, {finished.messages} messages, {finished.not_run} not run"
        + (f", {finished.known} known" if finished.known else "")
        + (f", {finished.known_red} entries of known failures red" if finished.known_red else ""),
        style="green" if finished.exit_code == 0 else "red",
        highlight=False,
    )


def describe(red: CaseRed) -> list[str]:
    """A divergence in lines."""
    divergence = red.divergence
    lines = [
        f"{divergence.kind.value.upper()}  {red.target} on {red.tokenizer}: {red.operation} {divergence.case}",
        f"  step {divergence.step}, slot {divergence.slot}, uid {divergence.uid}",
    ]
    if divergence.token is not None:
        lines.append(f"  token    {_token(divergence.token)}")
    if divergence.before:
        lines.append("  before   " + ", ".join(_token(token) for token in divergence.before))
    lines += [f"  expected {divergence.expected}", f"  got      {divergence.got}", f"  {divergence.note}"]
    return lines


def describe_entry(finding: KnownRed) -> list[str]:
    """An entry of known failures that doesn't hold, in lines."""
    return [
        f"{finding.problem.value.upper()}  {finding.target} on {finding.tokenizer}: {escaped(finding.what)}",
        f"  {escaped(finding.cause)}",
        f"  issue {escaped(finding.issue)}, owner {escaped(finding.owner)}",
    ]


def _token(token: TokenView) -> str:
    return f"{token.id} {token.piece!a} <{token.bytes}>" if token.piece else f"{token.id} (not in the vocabulary)"


def _table(summary: Summary, started: RunStarted) -> Table:
    """A row for each implementation; for each tokenizer if there are more of them than fit side by side."""
    if len(started.tokenizers) <= _MOST_COLUMNS:
        table = Table(Column("implementation", no_wrap=True), *started.tokenizers)
        for target in started.targets:
            table.add_row(target, *(_cell(summary, target, tokenizer) for tokenizer in started.tokenizers))
        return table
    table = Table(Column("tokenizer", no_wrap=True), *started.targets)
    for tokenizer in started.tokenizers:
        table.add_row(tokenizer, *(_cell(summary, target, tokenizer) for target in started.targets))
    return table


def _cell(summary: Summary, target: str, tokenizer: str) -> Text:
    cases, red = summary.cases[target, tokenizer], summary.red[target, tokenizer]
    missing = any(entry.red and (entry.target, entry.tokenizer) == (target, tokenizer) for entry in summary.not_run)
    if missing and not cases:
        return Text("not run", style="red")
    known = summary.known[target, tokenizer]
    excused = f", {known} known" if known else ""
    if red or missing:
        return Text(f"{red} of {cases} red{excused}" + (", some not run" if missing else ""), style="red")
    if any((entry.target, entry.tokenizer) == (target, tokenizer) for entry in summary.known_red):
        return Text(f"{cases - known} green{excused}, not as listed", style="red")
    return Text(f"{cases - known} green{excused}", style="green") if cases else Text("nothing to judge")


def _grouped(entries: Iterable[NotRun]) -> list[str]:
    groups: dict[tuple[str, str, str, bool], list[str]] = defaultdict(list)
    for entry in entries:
        groups[entry.target, entry.tokenizer, entry.cause, entry.red].append(entry.what)
    return [
        f"{'not run' if red else 'not judged'}: {target} on {tokenizer}, {', '.join(whats)}: {escaped(cause)}"
        for (target, tokenizer, cause, red), whats in groups.items()
    ]


class _Rate(ProgressColumn):
    """Messages a second."""

    def render(self, task: Task) -> Text:
        return Text(f"messages, {task.speed or 0:,.0f}/s")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
