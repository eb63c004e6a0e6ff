"""Timings and memory."""

from __future__ import annotations

import pathlib
import shlex

from rich.console import Console

from harness.cli.app import Names, app, waiting
from harness.errors import ParityError
from harness.project import find_project


@app.command
def bench(
    *tables: str,
    json: pathlib.Path | None = None,
    worker: Names = (),
) -> int:
    """Time the harness and the implementations, as ratios in one run.

    Parameters
    ----------
    tables
        share, tokenize, crates, detokenize, wire, wire-tokenize, growth, memory or search; all of them if none is
        named.
    json
        Write the figures to this file.
    worker
        Another worker process for the tables about the wire, as NAME=COMMAND with the placeholders {tokenizer},
        {pull}, {backend} and {frontend}. Ratios are those to the first one.
    """
    from harness.bench.figures import Circumstances, Report, show, write
    from harness.bench.tables import choose, every_table

    project, console = find_project(pathlib.Path.cwd()), Console()
    others = dict(_worker(given) for given in worker)
    circumstances = Circumstances()
    console.print(str(circumstances), highlight=False)
    reports: dict[str, Report] = {}
    for name, table in choose(every_table(others), tables).items():
        with waiting(console) as announce:
            reports[name] = table(project, announce)
            announce("")
        show(reports[name], console)
        if json is not None:
            write(reports, circumstances, json)
    return 0


def _worker(given: str) -> tuple[str, tuple[str, ...]]:
    name, separator, command = given.partition("=")
    if not separator or not name or not command:
        raise ParityError(f"{given!r} is no worker", hint="write NAME=COMMAND")
    return name, tuple(shlex.split(command))
