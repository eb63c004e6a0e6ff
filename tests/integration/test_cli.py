from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from harness.events import CorpusDone, RunFinished
from harness.report import jsonlines
from harness.targets import Target

ROOT = pathlib.Path(__file__).parents[2]
Named = Callable[[str], Target]


def _parity(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "nobody"], "unknown-target"),
        (["check", "python", "--tokenizer", "nobody"], "unknown-tokenizer"),
        (["check", "python", "--tokenizer", "./tests"], "unknown-tokenizer"),
        (["check", "python", "--corpus", "nobody"], "unknown-corpus"),
        (["check", "worker", "--in-process"], "target"),
        (["check", "python", "--in-process", "--memory-limit", "1000"], "target"),
        (["check", "python", "--ray-workers", "2"], "engine"),
        (["check", "python", "--ray-address", "auto"], "engine"),
        (["check", "python", "--goldens", "tests"], "golden"),
        (["check", "python", "--goldens", "goldens", "--tokenizer", "./tests"], "golden"),
        (["regen", "--scale", "2"], "golden"),
        (["regen", "--scale", "2", "--into", "goldens"], "golden"),
        (["regen", "--into", "goldens/straddle/more"], "golden"),
        (["regen", "--check", "--into", "elsewhere"], "golden"),
    ],
)
def test_a_wrong_name_is_one_message(arguments: list[str], code: str) -> None:
    run = _parity(*arguments)
    assert run.returncode == 2
    assert run.stderr.startswith(f"{code}: ")
    assert run.stderr.count("what to do: ") == 1
    assert "Traceback" not in run.stderr + run.stdout


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json"])
def test_a_folder_without_one_of_its_files(small_tokenizer: pathlib.Path, tmp_path: pathlib.Path, file: str) -> None:
    folder = tmp_path / "tokenizer"
    shutil.copytree(small_tokenizer, folder)
    (folder / file).unlink()
    run = _parity("check", "python", "--tokenizer", str(folder))
    assert run.returncode == 2
    assert run.stderr.startswith("unknown-tokenizer: ")
    assert f"there is no {file} in it" in run.stderr
    assert "Traceback" not in run.stderr + run.stdout


def test_a_factory_that_raises(broken_target: Named, small_tokenizer: pathlib.Path) -> None:
    spec = broken_target("cannot_start").spec
    run = _parity("check", spec, "--tokenizer", str(small_tokenizer), "--corpus", "eos")
    assert run.returncode == 2
    assert (run.stdout + run.stderr).count("what to do: ") == 1
    assert "Traceback" not in run.stderr + run.stdout


def test_a_green_run_and_its_reports(small_tokenizer: pathlib.Path, tmp_path: pathlib.Path) -> None:
    report, xml = tmp_path / "run.jsonl", tmp_path / "run.xml"
    arguments = ["--tokenizer", str(small_tokenizer), "--corpus", "bytes"]
    run = _parity("check", "python", *arguments, "--json", str(report), "--junit", str(xml))
    assert run.returncode == 0, run.stderr + run.stdout
    events = jsonlines.read(report)
    assert isinstance(events[-1], RunFinished)
    suite = ElementTree.parse(xml).getroot().find("testsuite")
    assert suite is not None
    assert suite.get("tests") == str(sum(isinstance(event, CorpusDone) for event in events)) == "1"
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "0")
    assert _parity("report", str(report)).returncode == 0
    lines = report.read_bytes().splitlines(keepends=True)
    report.write_bytes(b"".join(lines[:-1]))
    cut = _parity("report", str(report))
    assert cut.returncode == 2
    assert "was cut off" in cut.stderr


def test_a_red_run(broken_target: Named, small_tokenizer: pathlib.Path, tmp_path: pathlib.Path) -> None:
    xml = tmp_path / "run.xml"
    arguments = ["--tokenizer", str(small_tokenizer), "--corpus", "bytes", "--junit", str(xml)]
    run = _parity("check", broken_target("doubles").spec, *arguments)
    assert run.returncode == 1, run.stderr + run.stdout
    suite = ElementTree.parse(xml).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_list() -> None:
    run = _parity("list")
    assert run.returncode == 0
    assert {"python", "bytes", "llama2"} <= set(run.stdout.split())
