from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys

import pytest

from harness import environments, golden
from harness.errors import EnvironmentFault
from harness.review import Pending
from harness.upgrade.pair import with_versions

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """A checkout of one tokenizer, one text and its goldens."""
    corpora = tmp_path / "corpora"
    (corpora / "vocabularies").mkdir(parents=True)
    shutil.copy(ROOT / "corpora" / "vocabularies" / "straddle.txt", corpora / "vocabularies")
    pins = (ROOT / "corpora" / "tokenizers.toml").read_text(encoding="utf-8").split("[[tokenizer]]")
    (pin,) = [part for part in pins if 'name = "straddle"' in part]
    (corpora / "tokenizers.toml").write_text(f"[[tokenizer]]{pin}", encoding="utf-8")
    (corpora / "generated.toml").write_text('[[generated]]\nname = "eos"\nwhy = "w"\nseed = 1\n')
    _text(tmp_path, "one")
    _run(tmp_path, 0, "regen")
    return tmp_path


def _text(checkout: pathlib.Path, text: str) -> None:
    content = f'name = "texts"\nwhy = "w"\n[[text]]\nid = "a"\nwhy = "w"\ntext = "{text}"\n'
    (checkout / "corpora" / "texts.toml").write_text(content)


def _run(checkout: pathlib.Path, code: int, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    said = run.stdout + run.stderr
    assert run.returncode == code, said
    assert "Traceback" not in said
    return said


def _groups(said: str) -> list[str]:
    return [line.split()[0] for line in said.splitlines() if ": " in line and line.startswith(("questions-", "ids-"))]


def test_pending_goldens_are_reviewed_and_accepted(checkout: pathlib.Path) -> None:
    before = golden.read_manifest(checkout / "goldens" / "straddle")
    assert "nothing is pending" in _run(checkout, 0, "accept")
    assert "straddle: the same" in _run(checkout, 0, "regen", "--pending")
    _text(checkout, "two")
    assert "stale golden" in _run(checkout, 2, "check", "impls.python:factory")
    assert "straddle: pending" in _run(checkout, 0, "regen", "--pending")
    assert golden.read_manifest(checkout / "goldens" / "straddle") == before
    first, second, *more = _groups(_run(checkout, 0, "diff"))
    assert "before" in _run(checkout, 0, "review", first)
    assert f"1 of {2 + len(more)} groups accepted" in _run(checkout, 0, "accept", first)
    assert golden.read_manifest(checkout / "goldens" / "straddle") == before
    assert "half-accepted golden" in _run(checkout, 2, "check", "impls.python:factory")
    assert "half-accepted golden" in _run(checkout, 1, "regen", "--check")
    assert first not in _run(checkout, 0, "review")
    assert "straddle: accepted, swapped in" in _run(checkout, 0, "accept", second, *more)
    assert golden.read_manifest(checkout / "goldens" / "straddle").digest != before.digest
    _run(checkout, 0, "check", "impls.python:factory")
    _run(checkout, 0, "regen", "--check")
    assert "no group" in _run(checkout, 2, "diff", first)


def test_a_review_in_a_terminal_asks_what_to_do(checkout: pathlib.Path) -> None:
    _text(checkout, "two")
    _run(checkout, 0, "regen", "--pending")
    first, second, *_ = _groups(_run(checkout, 0, "diff"))
    here, there = pty.openpty()
    command = [sys.executable, "-m", "harness.cli", "review", first, second]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    with subprocess.Popen(command, cwd=checkout, env=env, stdin=there, stdout=there, stderr=there) as child:
        os.close(there)
        os.write(here, b"x\na\nq\n")  # no such answer, accept, quit
        said = b""
        # Linux raises where there is nothing to come any more.
        with contextlib.suppress(OSError):
            while data := os.read(here, 65536):
                said += data
        assert child.wait(60) == 0, said
    os.close(here)
    (review,) = Pending(checkout / "goldens").reviews()
    assert review.taken == (first,)
    assert said.count(b"accept, skip or quit") == 3


def test_rejected_goldens_are_gone_and_unreferenced_ones_are_red(checkout: pathlib.Path) -> None:
    before = golden.read_manifest(checkout / "goldens" / "straddle")
    _text(checkout, "two")
    _run(checkout, 0, "regen", "--pending")
    assert "rejected: straddle" in _run(checkout, 0, "reject")
    assert "nothing is pending" in _run(checkout, 0, "review")
    assert golden.read_manifest(checkout / "goldens" / "straddle") == before
    _text(checkout, "one")
    _run(checkout, 0, "check", "impls.python:factory")
    shutil.copytree(checkout / "goldens" / "straddle", checkout / "goldens" / "other")
    assert "unreferenced golden" in _run(checkout, 2, "check", "impls.python:factory")
    assert "unreferenced golden" in _run(checkout, 1, "regen", "--check")


def test_goldens_of_other_versions_are_stale_and_it_says_how_to_go_on(checkout: pathlib.Path) -> None:
    folder = checkout / "goldens" / "straddle"
    manifest = folder / golden.MANIFEST
    made = golden.read_manifest(folder)
    old = json.loads(json.dumps({"tokenizers": "0.1.2"}))["tokenizers"]
    data = manifest.read_text().replace(f'"tokenizers": "{made.provenance.tokenizers}"', f'"tokenizers": "{old}"')
    manifest.write_text(data)
    assert "damaged" in _run(checkout, 2, "check", "impls.python:factory")
    provenance = type(made.provenance)(made.provenance.tokenizer_sha256, "1", old, made.provenance.transformers, "1")
    golden.write_manifest(folder, golden.Manifest(made.schema, made.tokenizer, provenance, made.goldens))
    said = _run(checkout, 2, "check", "impls.python:factory")
    assert "stale golden" in said
    assert "pip install tokenizers==0.1.2" in said
    assert "parity regen --pending" in said
    said = _run(checkout, 0, "regen", "--pending")
    assert f"no answer differs; tokenizers 0.1.2 → {made.provenance.tokenizers}" in said
    _run(checkout, 0, "accept")
    _run(checkout, 0, "check", "impls.python:factory")


def test_another_tokenizer_in_place_of_one(checkout: pathlib.Path) -> None:
    folder, other = pathlib.Path(_run(checkout, 0, "fetch", "straddle").strip()), checkout / "other"
    shutil.copytree(folder, other)
    document = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = document["model"]["vocab"]
    vocab["o"], vocab["q"] = vocab["q"], vocab["o"]
    (other / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    report = checkout / "groups.json"
    arguments = ["upgrade", "--tokenizer", "straddle", "--to-tokenizer", str(other), "--json", str(report)]
    said = _run(checkout, 1, *arguments)
    assert "ids moved, text the same: ids moved by +2" in said
    assert {group["id"] for group in json.loads(report.read_bytes())} == set(_groups(_run(checkout, 0, "diff")))
    _run(checkout, 0, "accept")
    assert "the tokenizer's files" in _run(checkout, 2, "check", "impls.python:factory")
    assert list((checkout / "goldens" / "pending").iterdir()) == []


def test_what_is_only_looked_at_is_not_pending(checkout: pathlib.Path) -> None:
    said = _run(checkout, 0, "upgrade", "--load", "tokenizers")
    assert "0 groups" in said
    assert "nothing is pending" in _run(checkout, 0, "review")
    assert "is no package with a version" in _run(checkout, 2, "upgrade", "--to", "requirements.txt")


def test_an_environment_has_the_versions_asked_for(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKPARITY_CACHE", str(tmp_path))
    monkeypatch.setattr(environments, "_NEEDED", ())
    said: list[str] = []
    python = environments.environment(["tomlkit==0.13.2"], said.append)
    ask = [str(python), "-c", "import tomlkit; print(tomlkit.__version__)"]
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip() == "0.13.2"
    assert environments.environment(["tomlkit==0.13.2"], said.append) == python
    assert said == ["installing tomlkit==0.13.2"]
    # It sees the harness, and nothing of what is installed here.
    failed = environments.run(python, "harness.upgrade.worker", ["{}"], said.append)
    assert "No module named 'msgspec'" in failed
    with pytest.raises(EnvironmentFault, match="can't install"):
        environments.environment(["tomlkit==0.0.0.1"], said.append)
    assert [item.name for item in (tmp_path / "environments").iterdir()] == [python.parents[1].name]


def test_versions_replace_those_of_before() -> None:
    base = ["tokenizers==1", "transformers==2"]
    assert with_versions(base, ["tokenizers==3"]) == ("tokenizers==3", "transformers==2")
    for wrong in ("tokenizers", "tokenizers>=3", "--index-url==x", "a==1 b==2", "a==1\n-e ."):
        with pytest.raises(EnvironmentFault):
            with_versions(base, [wrong])


def test_scaled_goldens_are_judged_and_the_accepted_ones_stay(checkout: pathlib.Path, tmp_path: pathlib.Path) -> None:
    accepted = {path: path.read_bytes() for path in (checkout / "goldens").rglob("*.*")}
    scaled = tmp_path / "scaled"
    made = _run(checkout, 0, "regen", "--scale", "3", "--into", str(scaled), "--tokenizer", "straddle")
    assert {path: path.read_bytes() for path in (checkout / "goldens").rglob("*.*")} == accepted
    messages = sum(entry.messages for entry in golden.read_manifest(scaled / "straddle").goldens)
    assert f"{messages} messages" in made
    said = _run(checkout, 0, "check", "impls.python:factory", "--goldens", str(scaled))
    assert f"0 red, {messages} messages, 0 not run" in said
    assert messages > 2 * sum(
        entry.messages for entry in golden.read_manifest(checkout / "goldens" / "straddle").goldens
    )
