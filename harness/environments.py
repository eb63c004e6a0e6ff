"""Python environments with packages of other versions, made with venv and pip and kept in the user's cache."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence

from harness.errors import EnvironmentFault
from harness.packages import Announce, cache_folder

_NEEDED = ("jinja2", "msgspec", "platformdirs", "pyarrow")
"""What making goldens takes besides the packages in question: of the versions that are here."""


def environment(requirements: Sequence[str], announce: Announce) -> pathlib.Path:
    """The Python of an environment that has these packages, each `name==version`.

    It is the Python of this process if they are what is installed here. Raises `EnvironmentFault` if pip can't.
    """
    if all(_installed(requirement) for requirement in requirements):
        return pathlib.Path(sys.executable)
    wanted = [*sorted(requirements), *(f"{name}=={importlib.metadata.version(name)}" for name in _NEEDED)]
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:16]
    folder = cache_folder() / "environments" / key
    if not folder.is_dir():
        announce(f"installing {', '.join(sorted(requirements))}")
        _make(folder, wanted)
    return _python(folder)


def run(python: pathlib.Path, module: str, arguments: Sequence[str], announce: Announce) -> str:
    """Run a module of the harness in an environment; its lines are announced. What it wrote to stderr if it fails.

    The environment sees a copy of the harness, and nothing else of what is installed here.
    """
    package = pathlib.Path(__file__).parent
    with tempfile.TemporaryDirectory(prefix="tokparity-") as scratch:
        shutil.copytree(package, pathlib.Path(scratch) / "harness", ignore=shutil.ignore_patterns("__pycache__"))
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said,
            subprocess.Popen(
                [str(python), "-m", module, *arguments],
                cwd=scratch,
                env={**env, "PYTHONPATH": scratch, "PYTHONUTF8": "1"},
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                encoding="utf-8",
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                announce(line.rstrip("\n"))
            code = process.wait()
            said.seek(0)
            return (said.read().strip() or f"it exited with {code}") if code else ""


def _installed(requirement: str) -> bool:
    name, _, version = requirement.partition("==")
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False


def _make(folder: pathlib.Path, requirements: Sequence[str]) -> None:
    """Make the environment beside its place and put it there whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
        new = pathlib.Path(scratch) / "environment"
        venv.create(new, with_pip=True)
        # By path, and not by `bin/pip`: its first line names the place it was made in.
        install = [str(_python(new)), "-m", "pip", "install", "--quiet", "--no-input", *requirements]
        done = subprocess.run(install, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            raise EnvironmentFault(
                f"pip can't install {', '.join(requirements)} together",
                cause="\n".join(said[-3:]) or f"pip exited with {done.returncode}",
                hint="name versions that fit together: each transformers takes certain versions of tokenizers",
            )
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():  # another run may have been first
                raise


def _python(folder: pathlib.Path) -> pathlib.Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
