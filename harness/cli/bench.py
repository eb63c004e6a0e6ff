"""Timings."""

from __future__ import annotations

import pathlib

from rich.console import Console

from harness.cli.app import app
from harness.project import find_project


@app.command
def bench() -> int:
    """Time the harness itself, as ratios in one run."""
    from harness.bench import run

    return run(find_project(pathlib.Path.cwd()), Console())
