"""The command `parity`: wiring only. A module for each group of commands, registered when it is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import cyclopts
from rich.console import Console
from rich.text import Text

from harness.cli import bench, catalogue, check, coverage, goldens, known, search, upgrade, zoo
from harness.cli.app import app
from harness.errors import ParityError

__all__ = ["bench", "catalogue", "check", "coverage", "goldens", "known", "main", "search", "upgrade", "zoo"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    try:
        code = app(argv, exit_on_error=False, print_error=True)
    except cyclopts.CycloptsError:
        code = 2
    except ParityError as error:
        Console(stderr=True).print(Text(str(error)), soft_wrap=True)
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
