"""Exported finds in a checkout that has just been cloned: red for the culprit, green for impls/python."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from harness.export import Regression, write
from harness.fuzz import Budget, Find, Setting, hunt, judge_of
from harness.packages import cache_folder
from harness.targets import load_factory
from tests.conftest import ROOT

CULPRITS = {
    "mlx_nul_byte": "qwen2.5",
    "transformers_js_utf16": "straddle",
    "vllm_negative_id": "straddle",
    "sglang_kept_after_abort": "qwen2.5",
    "next_plaid_order": "bert",
}
"""Text replaced, late, an error, text of an aborted stream, ids reordered."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of what a test may read in a fresh checkout: the code and the list of tokenizers, no texts."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("harness", "impls"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "target", "*.rs"))
    (folder / "corpora").mkdir()
    for name in ("tokenizers.toml", "chat-templates.toml"):
        shutil.copy(ROOT / "corpora" / name, folder / "corpora" / name)
    for name in ("templates", "vocabularies"):
        shutil.copytree(ROOT / "corpora" / name, folder / "corpora" / name)
    return folder


def _pytest(path: pathlib.Path, checkout: pathlib.Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(checkout), str(path)]
    env = {**os.environ, "PYTHONPATH": str(checkout), "TOKPARITY_CACHE": str(cache_folder())}
    return subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("name", "tokenizer"), CULPRITS.items())
def test_an_exported_find_is_red_for_the_culprit_and_green_for_what_is_right(
    name: str, tokenizer: str, checkout: pathlib.Path, setting: Callable[[str], Setting]
) -> None:
    spec, ground = f"impls.zoo.{name}:factory", setting(tokenizer)
    judge = judge_of(load_factory(spec), ground, "reference")
    events = hunt(judge, ground, budget=Budget(2000))
    (find,) = (event for event in events if isinstance(event, Find))
    path = write(Regression(spec, ground, "reference", find, ()), checkout / "tests" / "regressions")
    red = _pytest(path, checkout)
    assert red.returncode == 1, red.stdout + red.stderr
    assert "AssertionError" in red.stdout
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"from impls.zoo.{name} import", "from impls.python import"), encoding="utf-8")
    green = _pytest(path, checkout)
    assert green.returncode == 0, green.stdout + green.stderr
