"""Whether a message costs the same in a long stream as in a short one, and in a large batch as in a small one."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence

from harness.assets import resolve
from harness.bench import contestants
from harness.bench.figures import Cell, Column, Report
from harness.bench.load import interleaved, text_streams
from harness.bench.rounds import interleave
from harness.model import DetokenizeRequest
from harness.packages import Announce
from harness.project import Project
from harness.tokenizer import TransformersCodec

LENGTHS = (100, 1_000, 10_000, 100_000)
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
_TOKENIZERS = ("qwen2.5", "llama2", "t5")
_MESSAGES = 400_000
_LIVE = 4
_ROUNDS = 3


def run(project: Project, announce: Announce) -> Report:
    """Measure `rust` by columns: streams of growing length, then batches of growing size, the messages as many."""
    rows: list[tuple[Cell, ...]] = []
    for name in _TOKENIZERS:
        folder = resolve(name, project.corpora, announce)
        streams = text_streams(project.corpora, TransformersCodec(folder))
        contestant = contestants.columns(contestants.rust(project, folder))
        announce(f"growth: {name}")
        loads = {f"streams of {n:,}": list(_long(streams, n)) for n in LENGTHS}
        loads |= {f"batches of {n:,}": list(interleaved(streams, n, _MESSAGES // n)) for n in BATCHES}
        runs = {what: contestant(batches) for what, batches in loads.items()}
        costs = {
            what: statistics.median(times) / sum(map(len, loads[what])) * 1e9
            for what, times in interleave(runs, _ROUNDS).items()
        }
        rows.append((name, *costs.values()))
    return Report(
        "Cost of a message against the length of streams and the size of batches: rust columns, ns of processor time",
        (
            Column("tokenizer"),
            *(Column(f"{n:,} tokens", ",.0f") for n in LENGTHS),
            *(Column(f"batch {n:,}", ",.0f") for n in BATCHES),
        ),
        tuple(rows),
        (
            f"medians of {_ROUNDS} rounds of {_MESSAGES:,} messages in every cell",
            f"by length: {_LIVE} streams of that length at a time, in batches of {_LIVE}",
            "by batch: streams of 50 to 750 tokens; a call costs something by itself, which small batches share less",
        ),
    )


def _long(streams: Sequence[Sequence[int]], length: int) -> Iterator[list[DetokenizeRequest]]:
    tokens = itertools.cycle(itertools.chain.from_iterable(streams))
    long = [list(itertools.islice(tokens, length)) for _ in range(min(_MESSAGES // length, 64))]
    return interleaved(long, _LIVE, _MESSAGES // _LIVE)
