"""Coverage: what the goldens exercise."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.assets import chosen, read_pins, resolve
from harness.cli.app import Names, app, waiting
from harness.coverage.dimension import Dimension, Hole
from harness.project import find_project
from harness.visible import visible

_MOST_HOLES = 2


@app.command
def coverage(*, tokenizer: Names = (), json: pathlib.Path | None = None, record: bool = False) -> int:
    """Show what the goldens exercise and what they don't: red if it is less than what was recorded.

    Parameters
    ----------
    tokenizer
        Only this pinned tokenizer, or `all`. The default set if none is given.
    json
        Write everything to this file, with a case for each hole.
    record
        Record what is covered now, also if it is less. Red all the same if it is less than goldens must have.
    """
    from harness.coverage import record as recording
    from harness.coverage.measure import Subject, measure

    project, console = find_project(pathlib.Path.cwd()), Console()
    path = project.goldens / recording.FILE
    recorded = {} if record else recording.read(path)
    found: dict[str, list[Dimension]] = {}
    with waiting(console) as announce:
        for name in chosen(tokenizer, read_pins(project.corpora)):
            subject = Subject(name, resolve(name, project.corpora, announce), project.goldens / name)
            found[name] = measure(subject, announce)
        announce("")
    _show(found, console)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    red = recording.shortfalls(found)
    if record:
        recording.write(path, found)
    else:
        red += recording.losses(recorded, found)
    for line in red:
        console.print(Text(f"red: {line}", style="red"), soft_wrap=True)
    return 1 if red else 0


def _show(found: dict[str, list[Dimension]], console: Console) -> None:
    table = Table("tokenizer", "dimension", "covered", "not covered, and a case for it", show_edge=False)
    for name, dimensions in found.items():
        for each in dimensions:
            if each.size:
                table.add_row(name, each.name, f"{len(each.covered):,} of {each.size:,}", Text(_holes(each.holes)))
        table.add_section()
    console.print(table)


def _holes(holes: Sequence[Hole]) -> str:
    shown = [f"{hole.item} ({_case(hole)})" for hole in holes[:_MOST_HOLES]]
    return "; ".join(shown) + (f"; and {len(holes) - len(shown)} more" if len(holes) > len(shown) else "")


def _case(hole: Hole) -> str:
    if not hole.case:
        return "no short case is known"
    return ", ".join(f"{name} {visible(str(value)) if value else repr(value)}" for name, value in hole.case.items())
