from __future__ import annotations

import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from harness import golden, regen, swap
from harness.convert import from_byte_tokens
from harness.golden import Manifest

SCRIPT = """
import pathlib, sys
from harness.regen import regenerate
folder, corpora, goldens = map(pathlib.Path, sys.argv[1:])
while True:
    regenerate("tiny", folder, corpora, goldens, lambda what: None)
"""


@pytest.fixture
def tiny(tmp_path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """A tokenizer's folder, a folder of small corpora, and one for goldens."""
    folder, corpora, goldens = (tmp_path / name for name in ("tiny", "corpora", "goldens"))
    for made in (folder, corpora, goldens):
        made.mkdir()
    (folder / "tokenizer.json").write_bytes(from_byte_tokens(b"e4 b8\n"))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|end|>"}')
    _text(corpora, "one")
    (corpora / "generated.toml").write_text('[[generated]]\nname = "eos"\nwhy = "w"\nseed = 1\n')
    return folder, corpora, goldens


def _text(corpora: pathlib.Path, text: str) -> None:
    (corpora / "texts.toml").write_text(
        f'name = "texts"\nwhy = "w"\n[[text]]\nid = "a"\nwhy = "w"\ntext = "{text}"\nrepeat = 50\n'
    )


def _verify(folder: pathlib.Path) -> Manifest:
    manifest = golden.read_manifest(folder)
    for entry in manifest.goldens:
        golden.verify(folder, entry)
    return manifest


def test_made_twice_is_the_same_bytes(tiny: tuple[pathlib.Path, pathlib.Path, pathlib.Path]) -> None:
    folder, corpora, goldens = tiny
    contents = []
    for _ in range(2):
        regen.regenerate("tiny", folder, corpora, goldens, lambda what: None)
        contents.append({path.name: path.read_bytes() for path in (goldens / "tiny").iterdir()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4


def test_a_changed_corpus_is_a_difference(tiny: tuple[pathlib.Path, pathlib.Path, pathlib.Path]) -> None:
    folder, corpora, goldens = tiny
    first = regen.regenerate("tiny", folder, corpora, goldens, lambda what: None)
    assert regen.differences(first, first) == []
    _text(corpora, "two")
    second = regen.regenerate("tiny", folder, corpora, goldens, lambda what: None)
    assert regen.differences(first, second) == [
        "tiny/texts detokenize: the content differs",
        "tiny/texts tokenize: the content differs",
    ]
    (corpora / "texts.toml").rename(corpora / "other.toml")
    third = regen.regenerate("tiny", folder, corpora, goldens, lambda what: None)
    assert "tiny/other tokenize: is new" in regen.differences(first, third)
    assert "tiny/texts tokenize: is no longer made" in regen.differences(first, third)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_swap_leaves_the_new_one(tmp_path: pathlib.Path, exchange: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exchange:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    new, place = tmp_path / "new", tmp_path / "place"
    for folder in (new, place):
        folder.mkdir()
        (folder / folder.name).touch()
    swap.swap_in(new, place)
    assert [item.name for item in place.iterdir()] == ["new"]
    shutil.rmtree(new)


def test_a_kill_leaves_the_goldens_whole(tiny: tuple[pathlib.Path, pathlib.Path, pathlib.Path]) -> None:
    folder, corpora, goldens = tiny
    regen.regenerate("tiny", folder, corpora, goldens, lambda what: None)
    accepted = _verify(goldens / "tiny")
    for attempt in range(3):
        child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), str(corpora), str(goldens)])
        while not (goldens / "pending" / "tiny").exists() and child.poll() is None:
            time.sleep(0.01)
        time.sleep(0.05 * attempt)
        child.kill()
        assert child.wait() == -signal.SIGKILL
        assert _verify(goldens / "tiny") == accepted
