"""What the commands share: the application they are registered with, and how they show that they are at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import cyclopts
from rich.console import Console

from harness.packages import Announce

app = cyclopts.App(
    name="parity",
    help="Parity and conformance of LLM tokenizers and streaming detokenizers.",
    result_action="return_value",
)
Names = Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=False)]
"""An option that is given once for each name."""


@contextmanager
def waiting(console: Console) -> Iterator[Announce]:
    """Something to look at while files are fetched and goldens are made; lines without a terminal."""
    if not console.is_terminal:
        yield lambda what: console.print(what, highlight=False) if what else None
        return
    with console.status("starting") as status:
        yield lambda what: status.update(what) if what else status.stop()
