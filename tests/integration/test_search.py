"""The search from end to end: the commands, what is kept, what is written, and the pytest plugin."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
from types import ModuleType

import pytest

from harness.campaign import Began, Ended, Found, Plan, read_budget, search
from harness.conformance import abort, assert_answers, assert_conformant, assert_keeps_laws, encode, feed
from harness.errors import ParityError
from harness.fuzz import Budget, Searching, Setting, hunt, judge_of
from harness.script import Step
from harness.targets import find_target
from impls.python import factory as python_factory
from tests.conftest import ROOT

CULPRIT = '''
from impls.python import factory as good


class Backend:
    """Loses the space that a chunk begins with."""

    def __init__(self, folder):
        self.inner = good(folder)

    def detokenize(self, requests):
        return [chunk.removeprefix(" ") for chunk in self.inner.detokenize(requests)]

    def abort(self, uid):
        self.inner.abort(uid)


def factory(folder):
    return Backend(folder)
'''


@pytest.fixture
def culprit(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "culprit.py"
    path.write_text(CULPRIT, encoding="utf-8")
    return path


def _run(*arguments: str, cwd: pathlib.Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=300, check=False)


def _load(path: pathlib.Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_fuzz_finds_keeps_and_exports(culprit: pathlib.Path, tmp_path: pathlib.Path) -> None:
    common = (
        "harness.cli",
        "fuzz",
        f"{culprit}:factory",
        "--tokenizer",
        "straddle",
        "--finds",
        str(tmp_path / "finds"),
    )
    first = _run(*common, "--budget", "200", "--export", str(tmp_path / "out"))
    assert first.returncode == 1, first.stderr
    assert "parity: lost" in first.stdout
    assert "the smallest has 1, after" in first.stdout
    second = _run(*common, "--budget", "1")
    assert second.returncode == 1
    assert "a find of an earlier search" in second.stdout
    mended = culprit.read_text(encoding="utf-8").replace('.removeprefix(" ")', "")
    culprit.write_text(mended, encoding="utf-8")
    assert "nothing found" in _run(*common, "--budget", "1").stdout
    (exported,) = (tmp_path / "out").glob("test_culprit_parity_lost_*.py")
    assert "Laws broken:" in exported.read_text(encoding="utf-8")


def test_an_exported_test_fails_for_the_culprit_alone_and_stands_by_itself(
    culprit: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    assert _run(
        "harness.cli", "fuzz", f"{culprit}:factory", "--tokenizer", "straddle", "--forget", "--budget", "100",
        "--export", str(tmp_path),
    ).returncode == 1  # fmt: skip
    for path in tmp_path.glob("test_*.py"):
        module = _load(path)
        (test,) = (value for name, value in vars(module).items() if name.startswith("test_"))
        with pytest.raises(AssertionError):
            test()
        module.factory = python_factory  # type: ignore[attr-defined]
        test()
        lines = path.read_text(encoding="utf-8").splitlines()
        assert {line.split()[1] for line in lines if line.startswith("from ")} == {"harness.conformance"}
    assert len(list(tmp_path.glob("test_*.py"))) >= 1
    alone = _run("pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path), cwd=tmp_path)
    assert alone.returncode == 1, alone.stdout + alone.stderr
    assert "AssertionError" in alone.stdout


def test_a_law_broken_is_exported_too(tmp_path: pathlib.Path) -> None:
    finds = tmp_path / "finds"
    run = _run("harness.cli", "fuzz", "reference", "--profile", "laws", "--tokenizer", "straddle", "--budget", "60",
               "--export", str(tmp_path), "--finds", str(finds))  # fmt: skip
    assert run.returncode == 1, run.stderr
    paths = sorted(tmp_path.glob("test_impls_reference_*.py"))
    assert paths
    for path in paths:
        module = _load(path)
        (test,) = (value for name, value in vars(module).items() if name.startswith("test_"))
        with pytest.raises(AssertionError):
            test()
        from impls.reference import ideal_factory

        module.factory = ideal_factory  # type: ignore[attr-defined]
        test()


def test_laws_reference_lists_the_defects() -> None:
    run = _run("harness.cli", "laws", "reference", "--tokenizer", "straddle", "--budget", "200")
    assert run.returncode == 1
    for title in ("append-only: doubled", "prompt: lost", "independent: crossed", "forgets: crossed", "answers: error"):
        assert title in run.stdout


def test_what_keeps_the_laws_is_green() -> None:
    run = _run("harness.cli", "laws", "ideal", "--tokenizer", "straddle", "--budget", "200")
    assert run.returncode == 0, run.stdout
    assert "nothing found" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no implementation was named"),
        (("nobody",), "unknown-target"),
        (("worker", "--export", "out"), "can't be exported"),
        (("python", "--budget", "soon"), "is no budget"),
        (("python", "--tokenizer", "nothing"), "unknown-tokenizer"),
    ],
)
def test_what_cant_be_searched_is_said(arguments: tuple[str, ...], message: str) -> None:
    tokenizer = () if "--tokenizer" in arguments else ("--tokenizer", "straddle")
    run = _run("harness.cli", "fuzz", *arguments, *tokenizer)
    assert run.returncode == 2
    assert message in run.stderr


def test_budgets() -> None:
    assert read_budget("500") == Budget(scripts=500)
    assert read_budget("90s").seconds == 90
    assert read_budget("10m").seconds == 600
    assert read_budget("2h").seconds == 7200
    for text in ("0", "-1", "", "5d", "1.5m", "0s"):
        with pytest.raises(ParityError):
            read_budget(text)


def test_a_search_is_taken_up_where_it_ended(tmp_path: pathlib.Path, setting: object) -> None:
    ground: Setting = setting("straddle")  # type: ignore[operator]
    target = find_target("python", ROOT / "impls")

    def run(*, resume: bool, seed: int = 0) -> list[object]:
        plan = Plan("reference", seed, Budget(40), tmp_path, None, True, resume)
        return [event for event in search([target], [ground], plan) if not isinstance(event, Searching | Found)]

    positions = []
    for resume in (False, True, True, False):
        began, ended = run(resume=resume)
        assert isinstance(began, Began)
        assert isinstance(ended, Ended)
        assert ended.searched.scripts == 40
        positions.append(began.first)
    assert positions == [0, 40, 80, 0]
    began, _ = run(resume=True, seed=1)
    assert isinstance(began, Began)
    assert began.first == 0


def test_a_search_by_time_ends(setting: object) -> None:
    ground: Setting = setting("straddle")  # type: ignore[operator]
    judge = judge_of(python_factory, ground, "reference")
    *_, last = hunt(judge, ground, budget=Budget(scripts=10**9, seconds=1))
    assert isinstance(last, Searching)
    assert 0 < last.scripts < 10**9


def test_assert_conformant_shows_the_smallest_script(culprit: pathlib.Path) -> None:
    assert_conformant(python_factory, tokenizer="straddle", scripts=200)
    module = _load(culprit)
    with pytest.raises(AssertionError, match=r"(?s)parity: lost.*the smallest has 1.*call 0  feed uid 0") as caught:
        assert_conformant(module.factory, tokenizer="straddle", scripts=200)
    assert "expected ' a'" in str(caught.value)
    with pytest.raises(AssertionError, match=r"(append-only|prompt): \w+\n"):
        assert_conformant(python_factory, tokenizer="straddle", profile="laws", scripts=200)
    with pytest.raises(ParityError, match="profile"):
        assert_conformant(python_factory, tokenizer="straddle", profile="nice")


def test_replays_of_finds() -> None:
    calls: list[tuple[Step, list[object]]]
    calls = [(feed((0, 97, False)), ["a"]), (abort(0), []), (encode((0, "a")), [[97]])]
    assert_answers(python_factory, tokenizer="straddle", calls=calls)
    with pytest.raises(AssertionError, match=r"call 0: expected \['b'\], got \['a'\]"):
        assert_answers(python_factory, tokenizer="straddle", calls=[(feed((0, 97, False)), ["b"])])
    assert_keeps_laws(python_factory, tokenizer="straddle", calls=[feed((0, 97, False)), abort(0)])
    with pytest.raises(AssertionError, match="prompt: call 0, slot 0, uid 0"):
        assert_keeps_laws(python_factory, tokenizer="straddle", calls=[feed((0, 228, True))])


def test_the_plugin_adds_a_test_for_each_target_and_tokenizer(culprit: pathlib.Path, tmp_path: pathlib.Path) -> None:
    run = _run(
        "pytest", "-q", "-p", "no:cacheprovider", "--parity-target", f"{culprit}:factory",
        "--parity-target", "impls.python:factory", "--parity-target", "nobody", "--parity-tokenizer", "straddle",
        "--parity-scripts", "150", cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 1
    assert "1 passed" in run.stdout
    assert "2 failed" in run.stdout
    assert "parity: lost" in run.stdout
    assert "unknown-target" in run.stdout
    assert "Traceback" not in run.stdout
