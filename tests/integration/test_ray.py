"""A local Ray cluster of two workers, some of which are killed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

from harness.events import CaseRed, Event, RunFinished
from harness.model import Kind
from harness.report import jsonlines
from harness.targets import Target

ROOT = pathlib.Path(__file__).parents[2]
Named = Callable[[str], Target]


@pytest.fixture
def parity(small_tokenizer: pathlib.Path, tmp_path: pathlib.Path) -> Callable[..., list[Event]]:
    """Judges an implementation on the small tokenizer, and gives the events."""
    reports = iter(range(10))

    def run(code: int, target: str, *arguments: str) -> list[Event]:
        report = tmp_path / f"{next(reports)}.jsonl"
        corpora = [part for name in ("invalid", "splits", "vocabulary") for part in ("--corpus", name)]
        command = ["check", target, "--tokenizer", str(small_tokenizer), *corpora, "--json", str(report), *arguments]
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli", *command],
            cwd=ROOT,
            env={**os.environ, "KILLED_ONCE": str(tmp_path / "killed-once")},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return jsonlines.read(report)

    return run


RAY = ("--engine", "ray", "--ray-workers", "2")


def test_a_killed_worker_changes_nothing(
    parity: Callable[..., list[Event]], broken_target: Named, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "killed-once").touch()
    name = broken_target("kills_its_worker_once").spec
    here = parity(0, name)
    (tmp_path / "killed-once").unlink()
    assert parity(0, name, *RAY) == here
    assert (tmp_path / "killed-once").exists()


def test_the_verdicts_are_those_of_the_local_engine(parity: Callable[..., list[Event]], broken_target: Named) -> None:
    name = broken_target("drops").spec
    here = parity(1, name)
    assert any(isinstance(event, CaseRed) for event in here)
    assert parity(1, name, *RAY) == here
    # Given up early, with workers that are still busy.
    assert parity(1, name, "--max-red", "1", *RAY) == parity(1, name, "--max-red", "1")


def test_a_poisoned_case_is_named_and_the_rest_is_judged(
    parity: Callable[..., list[Event]], broken_target: Named
) -> None:
    events = parity(1, broken_target("kills_its_worker").spec, *RAY)
    reds = [event for event in events if isinstance(event, CaseRed)]
    (local,) = [event for event in parity(1, broken_target("drops").spec) if isinstance(event, CaseRed)]
    assert [red.divergence.case for red in reds] == [local.divergence.case]
    assert reds[0].divergence.kind is Kind.CRASH
    assert "poisoned" in reds[0].divergence.got
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert (last.red, last.not_run) == (1, 0)
    assert last.cases > 10
