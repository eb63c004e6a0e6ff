"""Coverage of goldens made for a small tokenizer, and what dropping a corpus does to it."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness.coverage import record
from harness.coverage.dimension import Dimension
from harness.coverage.measure import IDS, SPLITS, TRANSITIONS, Subject, measure
from harness.errors import GoldenError
from harness.regen import Maker, read_sources

GENERATED = ("vocabulary", "splits", "transitions", "ends")
TEXTS = """name = "texts"
why = "w"
[[text]]
id = "a"
why = "w"
text = "ab é \\u304b\\u3099 中 😀"
"""


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "texts.toml").write_text(TEXTS, encoding="utf-8")
    recipes = "".join(f'[[generated]]\nname = "{name}"\nwhy = "w"\nseed = 1\n' for name in GENERATED)
    (folder / "generated.toml").write_text(recipes, encoding="utf-8")
    return folder


def _measure(folder: pathlib.Path, corpora: pathlib.Path, goldens: pathlib.Path, *names: str) -> list[Dimension]:
    shutil.rmtree(goldens, ignore_errors=True)
    goldens.mkdir()
    Maker("small", folder, corpora).make(read_sources(corpora, names), goldens, lambda _: None)
    return measure(Subject("small", folder, goldens), lambda _: None)


def test_all_that_is_recorded_is_there_until_a_corpus_is_dropped(
    small_tokenizer: pathlib.Path, corpora: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    everything = _measure(small_tokenizer, corpora, tmp_path / "goldens")
    found = {each.name: each for each in everything}
    for name in (IDS, SPLITS, TRANSITIONS):
        assert found[name].covered
        assert found[name].holes == (), name
    assert found["scripts"].covered == ("Hani", "Hira", "Latn")
    assert found["normalization forms"].size == 8
    record.write(tmp_path / "coverage.json", {"small": everything})
    recorded = record.read(tmp_path / "coverage.json")
    assert record.losses(recorded, {"small": everything}) == []

    for dropped, lost in (
        ("vocabulary", IDS),
        ("splits", SPLITS),
        ("transitions", TRANSITIONS),
        ("ends", "batch shapes"),
    ):
        kept = [name for name in (*GENERATED, "texts") if name != dropped]
        less = _measure(small_tokenizer, corpora, tmp_path / "goldens", *kept)
        losses = record.losses(recorded, {"small": less})
        assert any(line.startswith(f"small: {lost}: no longer covered") for line in losses), (dropped, losses)


def test_goldens_of_another_tokenizer_are_noticed(
    small_tokenizer: pathlib.Path, corpora: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    goldens, other = tmp_path / "goldens", tmp_path / "other"
    _measure(small_tokenizer, corpora, goldens, "texts")
    shutil.copytree(small_tokenizer, other)
    document = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    document["model"]["vocab"] |= {"a": 98, "b": 97}
    (other / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(GoldenError, match="isn't what the reference answers"):
        measure(Subject("small", other, goldens), lambda _: None)


def test_the_command_is_red_when_something_recorded_is_no_longer_covered(
    project_root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    shutil.copytree(project_root / "corpora", tmp_path / "corpora")
    shutil.copytree(project_root / "goldens" / "straddle", tmp_path / "goldens" / "straddle")
    (tmp_path / "impls").mkdir()
    command = [sys.executable, "-m", "harness.cli", "coverage", "--tokenizer", "straddle"]

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(project_root)}
        return subprocess.run(
            [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    unrecorded = run()
    assert unrecorded.returncode == 2
    assert "--record" in unrecorded.stderr
    assert run("--record").returncode == 0
    path = tmp_path / "goldens" / "coverage.json"
    recorded = path.read_text(encoding="utf-8")
    path.write_text(recorded.replace('"NFC keeps"', '"NFC keeps","NFC loses"'), encoding="utf-8")
    red = run("--json", str(tmp_path / "out.json"))
    assert red.returncode == 1
    assert "red: straddle: normalization forms: no longer covered: NFC loses" in red.stdout
    (dimensions,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8")).values()
    assert {each["name"]: each["holes"] for each in dimensions}[IDS] == []
