from __future__ import annotations

import pathlib
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter

import pytest

from harness import golden, regen, swap
from harness.convert import from_byte_tokens
from harness.errors import GoldenError
from harness.golden import DetokenizeCase, Manifest, TokenizeCase

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


def _cases(folder: pathlib.Path) -> dict[str, list[DetokenizeCase | TokenizeCase]]:
    found: dict[str, list[DetokenizeCase | TokenizeCase]] = {}
    for entry in golden.read_manifest(folder).goldens:
        read = golden.read_detokenize if entry.operation == "detokenize" else golden.read_tokenize
        found[entry.file] = list(read(golden.verify(folder, entry)))
        assert len(found[entry.file]) == entry.cases
    return found


def _id(case: DetokenizeCase | TokenizeCase) -> str:
    return case.program.id if isinstance(case, DetokenizeCase) else case.prompts.id


def test_scaled_goldens_have_copies_that_are_not_alike(tiny: tuple[pathlib.Path, pathlib.Path, pathlib.Path]) -> None:
    folder, corpora, goldens = tiny
    more = "".join(f'[[text]]\nid = "{at}"\nwhy = "w"\ntext = "{at * 7}"\n' for at in range(20))
    (corpora / "more.toml").write_text(f'name = "more"\nwhy = "w"\n{more}')
    regen.regenerate("tiny", folder, corpora, goldens, lambda what: None)
    scaled = [goldens / "scaled", goldens / "again"]
    for place in scaled:
        regen.regenerate("tiny", folder, corpora, place, lambda what: None, copies=3)
    assert golden.read_manifest(scaled[0] / "tiny").scale == 3
    assert b"scale" not in (goldens / "tiny" / golden.MANIFEST).read_bytes()
    once, thrice = _cases(goldens / "tiny"), _cases(scaled[0] / "tiny")
    assert once.keys() == thrice.keys()
    for file, first in once.items():
        every = thrice[file]
        assert [_id(case) for case in every[: len(first)]] == [_id(case) for case in first]
        assert len({_id(case) for case in every}) == len(every)
        # The only prompt of a corpus makes the same case each time.
        assert len(every) >= (1 if file == "texts.tokenize.parquet" else 3 * len(first))
        for case, same in zip(first, every, strict=False):
            assert same.expected.matches(case.expected.values())
    for item in (scaled[0] / "tiny").iterdir():
        assert item.read_bytes() == (scaled[1] / "tiny" / item.name).read_bytes()


def test_the_copies_have_the_same_streams_in_another_order(
    tiny: tuple[pathlib.Path, pathlib.Path, pathlib.Path],
) -> None:
    folder, corpora, goldens = tiny
    (corpora / "generated.toml").write_text('[[generated]]\nname = "splits"\nwhy = "w"\nseed = 1\n')
    regen.regenerate("tiny", folder, corpora, goldens, lambda what: None, copies=2)
    programs = [
        case.program
        for case in _cases(goldens / "tiny")["splits.detokenize.parquet"]
        if isinstance(case, DetokenizeCase)
    ]
    eos = max(token for program in programs for token in program.tokens)
    # What ends a whole character is drawn; all else is every composition there is.
    usual = [Counter(token for token in program.tokens if 127 < token < eos) for program in programs]
    half = len(programs) // 2
    copies = [sum(part, Counter()) for part in (usual[:half], usual[half:])]
    assert (copies[0] - copies[1]).total() < 0.02 * copies[0].total()
    assert (usual[0] - usual[half]).total() > 0.1 * usual[0].total()


def test_more_copies_take_no_more_memory(tiny: tuple[pathlib.Path, pathlib.Path, pathlib.Path]) -> None:
    folder, corpora, goldens = tiny
    peaks = []
    for copies in (3, 3, 30):
        tracemalloc.start()
        regen.regenerate("tiny", folder, corpora, goldens, lambda what: None, copies)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[1]


def test_what_is_no_golden_is_not_replaced(tiny: tuple[pathlib.Path, pathlib.Path, pathlib.Path]) -> None:
    folder, corpora, goldens = tiny
    (goldens / "tiny").mkdir()
    (goldens / "tiny" / "kept").touch()
    with pytest.raises(GoldenError, match="in the way"):
        regen.regenerate("tiny", folder, corpora, goldens, lambda what: None)
    assert [item.name for item in (goldens / "tiny").iterdir()] == ["kept"]


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
