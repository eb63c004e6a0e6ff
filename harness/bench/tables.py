"""The tables of the bench, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from harness.bench import crates, detokenize, growth, memory, search, share, tokenize, wire
from harness.bench.figures import Report
from harness.bench.workers import NO_OTHERS, Others
from harness.errors import ParityError
from harness.packages import Announce
from harness.project import Project

Table: TypeAlias = Callable[[Project, Announce], Report]
"""Measures, announces what it is at, and gives the figures."""


def every_table(others: Others = NO_OTHERS) -> Mapping[str, Table]:
    """All tables, in the order in which they are measured; `others` are workers for those about the wire."""
    return {
        "share": share.run,
        "tokenize": tokenize.run,
        "crates": crates.run,
        "detokenize": detokenize.run,
        "wire": functools.partial(wire.run, others=others),
        "wire-tokenize": functools.partial(wire.run_prompts, others=others),
        "growth": growth.run,
        "memory": memory.run,
        "search": search.run,
    }


def choose(tables: Mapping[str, Table], names: Sequence[str]) -> Mapping[str, Table]:
    """The named tables, all of them if none is named. Raises `ParityError` for a name that there isn't."""
    for name in names:
        if name not in tables:
            raise ParityError(f"there is no table {name!r}", hint=f"name some of {', '.join(tables)}, or none for all")
    return {name: table for name, table in tables.items() if not names or name in names}
