"""What there is: implementations, tokenizers and corpora."""

from __future__ import annotations

import pathlib

from rich.console import Console
from rich.table import Table

from harness.assets import PinnedTokenizer, chosen, read_pins, resolve
from harness.cli.app import app, waiting
from harness.project import find_project
from harness.targets import known_targets


@app.command(name="list")
def list_all() -> int:
    """Show the implementations, tokenizers and corpora that there are."""
    from harness.regen import read_sources

    project, console = find_project(pathlib.Path.cwd()), Console()
    for title, rows in (
        ("implementations", known_targets(project.impls)),
        ("tokenizers", {pin.name: _family(pin) for pin in read_pins(project.corpora)}),
        (
            "corpora",
            {source.name: source.why for source in read_sources(project.corpora)},
        ),
    ):
        table = Table(title, "what it is", show_edge=False)
        for name, what in rows.items():
            table.add_row(name, what)
        console.print(table, "")
    return 0


@app.command
def fetch(*tokenizers: str) -> int:
    """Fetch pinned tokenizers, the default set if none is named, and print their folders.

    Parameters
    ----------
    tokenizers
        Names of pinned tokenizers, or `all`.
    """
    project = find_project(pathlib.Path.cwd())
    names = chosen(tokenizers, read_pins(project.corpora))
    with waiting(Console(stderr=True)) as announce:
        folders = [resolve(name, project.corpora, announce) for name in names]
    print(*folders, sep="\n")
    return 0


def _family(pin: PinnedTokenizer) -> str:
    return f"{pin.family}, in the default set" if pin.default else pin.family
