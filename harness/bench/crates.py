"""Timings of encoding in Rust: the library of impls/rust against the public crates, called directly."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from harness.assets import chosen, read_pins, resolve
from harness.bench.figures import Cell, Column, Report, median_ratio
from harness.bench.tokenize import Sentences
from harness.errors import ParityError
from harness.packages import Announce
from harness.project import Project
from harness.tokenizer import TransformersCodec

SIZES = (1, 16, 64)
_ROUNDS = 48
_WARM_UP = 2
_IN_A_ROW = 8
_TEXTS = 256
_LIBRARY = "library"
Batches: TypeAlias = Sequence[Sequence[str]]
_COMMAND = (
    *("cargo", "run", "--release", "--locked", "--quiet", "-p", "minisgl-tokenizer"),
    *("--features", "splintr", "--example", "encode-batches"),
)
_COLUMNS = (
    Column("tokenizer"),
    Column("batch", ",d"),
    Column("library, µs", ",.1f"),
    Column("fastest exact crate"),
    Column("it, µs", ",.1f"),
    Column("it / library", ",.2f"),
)


def run(project: Project, announce: Announce) -> Report:
    """Measure on every pinned tokenizer of the default set."""
    if shutil.which("cargo") is None:
        raise ParityError("the crates can't be measured", cause="cargo is not installed", hint="install Rust")
    rows: list[tuple[Cell, ...]] = []
    for name in chosen((), read_pins(project.corpora)):
        folder = resolve(name, project.corpora, announce)
        sentences = Sentences(project.corpora, TransformersCodec(folder))
        for size in SIZES:
            announce(f"crates: {name}, batches of {size}")
            in_a_row = max(_IN_A_ROW, _TEXTS // size)
            rounds = [
                [[sentences.text() for _ in range(size)] for _ in range(in_a_row)] for _ in range(_WARM_UP + _ROUNDS)
            ]
            times = _times(project.impls / "rust", folder, rounds)
            rows.append((name, size, *_figures({who: each[_WARM_UP:] for who, each in times.items()}, in_a_row)))
    return Report(
        "Encode in Rust: time a batch on one thread",
        _COLUMNS,
        tuple(rows),
        (
            f"medians of {_ROUNDS} rounds of at least {_IN_A_ROW} batches and {_TEXTS} texts, none of which comes "
            "twice; every crate gets each, in all orders equally often",
            "exact: that gave the ids of `tokenizers` for all; compared are `tokenizers`, `fastokens` and `splintr`",
        ),
    )


def _times(workspace: pathlib.Path, folder: pathlib.Path, rounds: Sequence[Batches]) -> Mapping[str, list[int]]:
    asked = json.dumps({"folder": str(folder), "rounds": rounds})
    env = {**os.environ, "RAYON_NUM_THREADS": "1"}
    done = subprocess.run(_COMMAND, cwd=workspace, env=env, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ParityError("the crates can't be measured", cause=done.stderr.strip()[-2000:], hint="see what cargo says")
    times: Mapping[str, list[int]] = json.loads(done.stdout)["nanoseconds"]
    if _LIBRARY not in times:
        raise ParityError("the Rust tokenizer is red: there is nothing to time", hint="run `parity check rust`")
    return times


def _figures(times: Mapping[str, Sequence[int]], batches: int) -> tuple[Cell, ...]:
    crates = {who: each for who, each in times.items() if who != _LIBRARY}
    fastest = min(crates, key=lambda who: statistics.median(crates[who]))
    return (
        statistics.median(times[_LIBRARY]) / 1e3 / batches,
        fastest,
        statistics.median(crates[fastest]) / 1e3 / batches,
        median_ratio(crates[fastest], times[_LIBRARY]),
    )
