"""The zoo in a terminal: a line for each bug as it is judged, then the table, then what is wrong."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from harness.events import BugJudged, Event

_COLUMNS = ("bug", "on", "goldens", "search", "s", "law", "messages")
_WIDTH = 200
"""Enough for every column, where there is no terminal to fit in."""


def watch(events: Iterable[Event], console: Console) -> Iterator[Event]:
    """Pass the events on, a line for each bug; then show what came of it."""
    judged: list[BugJudged] = []
    for event in events:
        if isinstance(event, BugJudged):
            judged.append(event)
            console.print(f"{event.bug}: {'red' if event.red else 'caught'} by {event.check}", highlight=False)
        yield event
    show(judged, console)


def show(judged: Sequence[BugJudged], console: Console) -> None:
    """The table, what is wrong, and the summary."""
    table = Table(*(Column(name, no_wrap=True) for name in _COLUMNS), Column("seen in", overflow="fold"))
    for event in sorted(judged, key=lambda event: event.bug):
        found = event.search != ""
        table.add_row(
            Text(event.bug, style="red" if event.red else "green"),
            event.tokenizer,
            event.goldens or "-",
            event.search or "-",
            f"{event.seconds:.2f}" if found else "-",
            event.law or "-",
            f"{event.found if found else '-'} of {event.smallest}",
            event.seen[0],
        )
    Console(file=console.file, width=console.width if console.is_terminal else _WIDTH).print(table)
    for event in judged:
        for line in event.red:
            console.print(Text(f"RED  {event.bug}: {line}", style="red"), soft_wrap=True)
    console.print(summary(judged), markup=False, highlight=False, soft_wrap=True)


def summary(judged: Sequence[BugJudged]) -> str:
    """The zoo in a line: how many bugs were caught, by whom, how fast, and how small."""
    found = [event for event in judged if event.search]
    red = sum(bool(event.red) for event in judged)
    parts = [
        f"{'red' if red or not judged else 'green'}: {len(judged)} bugs, {red} red",
        f"{sum(bool(event.goldens) for event in judged)} caught by the goldens, {len(found)} by the search",
    ]
    if found:
        seconds = [event.seconds for event in found]
        small = sum(event.found <= event.smallest for event in found)
        parts += [
            f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s",
            f"{small} of {len(found)} shrunk to the smallest known size or less,"
            f" median {statistics.median(event.found for event in found):g} messages",
        ]
    return "; ".join(parts)
