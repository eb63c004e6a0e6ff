from __future__ import annotations

import dataclasses
import datetime
import pathlib
import subprocess
import sys
from collections.abc import Callable, Sequence

from harness.engine import Suite
from harness.events import CaseKnown, CaseRed, CorpusDone, Event, KnownRed, RunFinished
from harness.known import Entry, Problem
from harness.model import Kind
from harness.run import Options, check
from harness.targets import Target

Named = Callable[[str], Target]
ROOT = pathlib.Path(__file__).parents[2]
DAY = datetime.date(2030, 5, 5)


def _entry(pattern: str, kind: Kind = Kind.LOST, tokenizer: str = "small", target: str = "") -> Entry:
    return Entry(tokenizer, kind, "12", "someone", DAY, pattern=pattern, target=target)


def _judge(
    target: Target, suite: Suite, *entries: Entry, today: datetime.date = DAY, most_red: int = 1000
) -> tuple[RunFinished, list[tuple[Problem, str]], list[Event]]:
    options = Options(known={target.name: entries}, today=today, in_process=True, most_red=most_red)
    events = list(check([target], [suite], options))
    last = events[-1]
    assert isinstance(last, RunFinished)
    problems = [(event.problem, event.what) for event in events if isinstance(event, KnownRed)]
    assert last.known_red == len(problems)
    assert last.known == sum(isinstance(event, CaseKnown) for event in events)
    assert last.red == sum(isinstance(event, CaseRed) for event in events)
    return last, problems, events


def _only(suite: Suite, *corpora: str) -> Suite:
    entries = tuple(e for e in suite.entries if e.corpus in corpora and e.operation == "detokenize")
    return dataclasses.replace(suite, entries=entries, whole=False)


def test_a_known_failure_is_green(small_suite: Suite, broken_target: Named) -> None:
    target, suite = broken_target("drops"), _only(small_suite, "calm", "loud")
    red, _, _ = _judge(target, suite)
    assert (red.exit_code, red.known) == (1, 0)
    green, problems, events = _judge(target, suite, _entry("loud/*"), most_red=1)
    assert (green.exit_code, green.red, green.known, problems) == (0, 0, red.red, [])
    done = {event.corpus: (event.red, event.known) for event in events if isinstance(event, CorpusDone)}
    assert done == {"calm": (0, 0), "loud": (0, red.red)}


def test_each_way_that_an_entry_does_not_hold_is_red(small_suite: Suite, broken_target: Named) -> None:
    target, suite = broken_target("drops"), _only(small_suite, "calm", "loud")
    holds = _entry("loud/*")
    ways: Sequence[tuple[Sequence[Entry], datetime.date, list[tuple[Problem, str]]]] = [
        ([holds, _entry("calm/*")], DAY, [(Problem.UNEXPECTED_PASS, "calm/*")]),
        ([holds, _entry("loud/no-*")], DAY, [(Problem.UNSEEN, "loud/no-*")]),
        ([holds, _entry("calm/*", tokenizer="gone")], DAY, [(Problem.UNSEEN, "calm/*")]),
        ([holds], DAY + datetime.timedelta(days=1), [(Problem.EXPIRED, "loud/*")]),
        ([_entry("loud/*", Kind.LATE)], DAY, [(Problem.WRONG_CLASS, "loud/*")]),
    ]
    for entries, today, expected in ways:
        footer, problems, _ = _judge(target, suite, *entries, today=today)
        assert (footer.exit_code, problems) == (1, expected)
        assert (footer.red > 0) == (expected[0][0] in (Problem.EXPIRED, Problem.WRONG_CLASS))


def test_what_was_not_judged_is_not_unseen(small_suite: Suite, broken_target: Named) -> None:
    target, suite = broken_target("good"), _only(small_suite, "calm")
    assert _judge(target, suite, _entry("loud/*"))[1] == []
    whole = dataclasses.replace(suite, whole=True)
    assert _judge(target, whole, _entry("loud/*"))[1] == [(Problem.UNSEEN, "loud/*")]
    options = Options(known={target.name: [_entry("a/1", tokenizer="bert")]}, tokenizers=["bert"])
    assert not any(isinstance(event, KnownRed) for event in check([target], [suite], options))


def test_a_run_that_was_given_up_calls_nothing_unseen(small_suite: Suite, broken_target: Named) -> None:
    target, suite = broken_target("drops"), _only(small_suite, "loud", "bytes")
    assert _judge(target, suite, _entry("bytes/no-such-case"))[1] == [(Problem.UNSEEN, "bytes/no-such-case")]
    footer, problems, _ = _judge(target, suite, _entry("bytes/no-such-case"), most_red=1)
    assert (footer.exit_code, footer.not_run, problems) == (1, 1, [])


def test_an_entry_for_another_target_excuses_nothing(small_suite: Suite, broken_target: Named) -> None:
    footer, problems, _ = _judge(broken_target("drops"), _only(small_suite, "loud"), _entry("loud/*", target="other"))
    assert (footer.known, problems) == (0, [])
    assert footer.red


def _parity(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)


def test_check_and_prune_from_the_command_line(tmp_path: pathlib.Path) -> None:
    path, xml = tmp_path / "known.toml", tmp_path / "run.xml"
    path.write_text(
        '[[known]]\ntokenizer = "straddle"\npattern = "eos/*"\nclass = "lost"\nissue = "12"\nowner = "someone"\n'
        f"expires = {datetime.date.max}\n"
    )
    chosen = ["--tokenizer", "straddle", "--corpus", "eos", "--junit", str(xml)]
    run = _parity("check", "impls.python:factory", "--known", str(path), *chosen)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "UNEXPECTED PASS  impls.python:factory on straddle: eos/*" in run.stdout
    assert 'message="unexpected pass"' in xml.read_text()
    pruned = _parity("known", "prune", "impls.python:factory", "--known", str(path))
    assert pruned.returncode == 0, pruned.stdout + pruned.stderr
    assert "1 of 1 entries pruned" in pruned.stdout
    assert path.read_text().strip() == ""
    assert _parity("check", "impls.python:factory", "--known", str(path), *chosen).returncode == 0
    wrong = _parity("check", "python", "--known", str(path), *chosen)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("known: ")
