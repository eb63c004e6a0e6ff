"""What a table of the bench is: named columns of figures, with the machine and the versions they were measured with."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

Cell: TypeAlias = str | float | None
"""A label or a figure; None where there is none."""

_MEASURED = ("tokenizers", "transformers", "msgspec", "pyzmq")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `form` is the format of its figures."""

    name: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A table of figures, and what has to be known to read them."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When and where figures were measured, and of what."""

    date: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).date().isoformat())
    processor: str = field(default_factory=lambda: _processor())
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    system: str = field(default_factory=platform.system)
    python: str = field(default_factory=platform.python_version)
    versions: dict[str, str] = field(default_factory=lambda: {name: _version(name) for name in _MEASURED})

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.date}: {self.processor}, {self.cores} cores, {self.system}, Python {self.python}, {versions}"


def median_ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """How many times more the one took than the other: the median over rounds, in each of which both ran."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))


def show(report: Report, console: Console) -> None:
    """Print a table and its notes."""
    table = Table(title=report.title, title_justify="left")
    for at, column in enumerate(report.columns):
        table.add_column(column.name, justify="right" if at and column.form else "left")
    for row in report.rows:
        table.add_row(*(written(cell, column) for cell, column in zip(row, report.columns, strict=True)))
    console.print(table)
    for note in report.notes:
        console.print(f"- {note}", highlight=False)
    console.print()


def written(cell: Cell, column: Column) -> str:
    """A cell as a table shows it."""
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else format(cell, column.form)


def write(reports: dict[str, Report], circumstances: Circumstances, path: pathlib.Path) -> None:
    """Write tables to a JSON file, all at once."""
    document = {"measured": asdict(circumstances), "tables": {name: asdict(each) for name, each in reports.items()}}
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
