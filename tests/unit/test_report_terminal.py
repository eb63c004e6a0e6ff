from __future__ import annotations

import io
import pathlib

from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from harness.events import CaseKnown, CaseRed, CorpusDone, Event, KnownRed, NotRun, Progress, RunFinished, RunStarted
from harness.known import Problem
from harness.model import Divergence, Kind, TokenView
from harness.report import jsonlines, junit, terminal
from harness.visible import visible


def _red(kind: Kind, expected: str, got: str, token: TokenView | None) -> CaseRed:
    before = (TokenView(5, "Ġ", "20"),) if token else ()
    shown = visible(expected), visible(got)
    divergence = Divergence("bidi/case-1", kind, 3, 1, 7, token, before, *shown, "message 2 of its stream")
    return CaseRed("mine", "llama2", "bidi", "detokenize", divergence)


def _junit(events: list[Event]) -> str:
    document = junit.Document()
    for event in events:
        document.add(event)
    return document.render().decode()


GREEN: list[Event] = [
    RunStarted(("python",), ("llama2", "t5"), ("bidi",), 30),
    Progress("python", "llama2", 10),
    CorpusDone("python", "llama2", "bidi", "detokenize", 2, 0, 10),
    Progress("python", "t5", 20),
    CorpusDone("python", "t5", "bidi", "detokenize", 3, 0, 20),
    RunFinished(0, 5, 0, 30, 0),
]
RED: list[Event] = [
    RunStarted(("mine", "other"), ("llama2",), ("bidi", "eos"), 40),
    _red(Kind.LOST, "a\u200fb\u0301[x]", "", TokenView(9, "é", "c3 a9")),
    _red(Kind.CRASH, "2 answers", "killed by SIGSEGV\n\x1b[31m\x00", TokenView(40000, "", "")),
    _red(Kind.IDS_DIFFER, "[1, 2]", "[1, 3]", None),
    CorpusDone("mine", "llama2", "bidi", "detokenize", 3, 3, 20),
    NotRun("mine", "llama2", "eos tokenize", "it offers no tokenize", False),
    NotRun("mine", "llama2", "eos detokenize", "4 of 4 cases: given up after 1 faults", True),
    NotRun("other", "llama2", "start", "target: the factory raised\n  what to do: \x1b fix it", True),
    RunFinished(2, 3, 3, 20, 2),
]
KNOWN: list[Event] = [
    RunStarted(("mine",), ("llama2", "t5"), ("bidi",), 30),
    CaseKnown("mine", "llama2", "bidi", "detokenize", _red(Kind.LOST, "a", "", None).divergence, "12\x1b"),
    CorpusDone("mine", "llama2", "bidi", "detokenize", 2, 0, 20, known=1),
    CorpusDone("mine", "t5", "bidi", "detokenize", 3, 0, 10),
    KnownRed("mine", "t5", Problem.UNEXPECTED_PASS, "bidi/*", "3 of 3 cases are green", "13", "some\x00one"),
    RunFinished(1, 5, 0, 30, 0, known=1, known_red=1),
]


def _plain(events: list[Event]) -> str:
    file = io.StringIO()
    assert list(terminal.watch(events, Console(file=file, width=120, force_terminal=False))) == events
    return file.getvalue()


def _shown(events: list[Event]) -> str:
    file = io.StringIO()
    summary = terminal.Summary()
    for event in events:
        summary.add(event)
    console = Console(file=file, width=120, force_terminal=True, color_system=None, legacy_windows=False)
    terminal.show(summary, console)
    return file.getvalue()


def test_plain_green(snapshot: SnapshotAssertion) -> None:
    assert _plain(GREEN) == snapshot


def test_plain_red(snapshot: SnapshotAssertion) -> None:
    assert _plain(RED) == snapshot


def test_shown_green(snapshot: SnapshotAssertion) -> None:
    assert _shown(GREEN) == snapshot


def test_shown_red(snapshot: SnapshotAssertion) -> None:
    assert _shown(RED) == snapshot


def test_known_failures(snapshot: SnapshotAssertion) -> None:
    assert _plain(KNOWN) == snapshot(name="terminal")
    assert _junit(KNOWN) == snapshot(name="junit")


def test_a_run_without_an_end_is_said_to_be_cut_off() -> None:
    assert "cut off" in _shown(GREEN[:-1])


def test_junit(snapshot: SnapshotAssertion) -> None:
    assert _junit([*GREEN[1:-1], *RED]) == snapshot


def test_json_lines(snapshot: SnapshotAssertion, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "deep" / "run.jsonl"
    assert list(jsonlines.record(RED, path)) == RED
    assert path.read_text(encoding="utf-8") == snapshot
    assert jsonlines.read(path) == RED


def test_many_tokenizers_are_rows() -> None:
    names = tuple(f"tokenizer-{at}" for at in range(18))
    done = [CorpusDone("mine", name, "bidi", "detokenize", at + 1, 0, 1) for at, name in enumerate(names)]
    events: list[Event] = [RunStarted(("mine",), names, ("bidi",), 18), *done, RunFinished(0, 171, 0, 18, 0)]
    lines = [line for line in _plain(events).splitlines() if "│" in line]
    assert [[cell.strip() for cell in line.strip("│").split("│")] for line in lines] == [
        [name, f"{at + 1} green"] for at, name in enumerate(names)
    ]
