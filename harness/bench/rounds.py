"""Timing in rounds: every contestant has its turn in each, so that what slows the machine down slows them all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

Run: TypeAlias = Callable[[], None]

_LEAST_SECONDS = 0.05


def interleave(
    runs: Mapping[str, Run], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds of processor time that each run takes, a figure a round.

    A run that is over sooner than the clock can tell is repeated; the first time of each is not counted.
    """
    repeats = {name: _repeats(run) for name, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, run in runs.items():
                begin = clock()
                for _ in range(repeats[name]):
                    run()
                seconds[name].append((clock() - begin) / repeats[name])
            gc.collect()
    finally:
        gc.enable()
    return seconds


def _repeats(run: Run) -> int:
    run()
    begin = time.perf_counter()
    run()
    return 1 + int(_LEAST_SECONDS / max(time.perf_counter() - begin, 1e-9))
