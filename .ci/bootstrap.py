"""Nox for a machine that has none: `python3 noxfile.py …` comes here and ends as `nox …`.

All it needs is a Python that has venv or pip.
A Python that is too old must get far enough to be told so.
So neither this file nor noxfile.py uses syntax newer than Python 3.6, and annotations here that such a Python
can't evaluate are in quotes.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOXFILE = ROOT / "noxfile.py"
VENV = ROOT / ".nox" / ".bootstrap"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# Written last: a venv without it was never finished.
MARKER = VENV / "finished"
TOOLS = ROOT / ".nox" / ".bootstrap-tools"

LOWEST_PYTHON = (3, 11)
LOWEST_NOX, NOX_BELOW = (2025, 5, 1), (2027,)
NOX = "nox>=2025.5.1,<2027"
VIRTUALENV = "virtualenv>=20.26,<22"

SETUP_FAILED = 2


class SetupError(Exception):
    """Why nox can't be had, and what to do about it."""


def main(arguments: "list[str]") -> int:
    """Hand `arguments` over to nox and return its exit code."""
    try:
        refuse_old(sys.version_info[:2])
        python = sys.executable if nox_is_here() else bootstrapped()
    except SetupError as error:
        print(error, file=sys.stderr)
        return SETUP_FAILED
    return become([python, "-m", "nox", "-f", str(NOXFILE), *arguments])


def refuse_old(version: "tuple[int, ...]") -> None:
    """Raise unless Python `version` is one that this project runs on."""
    if version < LOWEST_PYTHON:
        needed, found = (".".join(map(str, each)) for each in (LOWEST_PYTHON, version))
        raise SetupError(
            f"Python {needed} or newer is needed; {sys.executable} is Python {found}.\n"
            f"What to do: run the same command with a newer one, for example `python{needed} noxfile.py`."
        )


def nox_is_here() -> bool:
    """Whether the Python that runs this has a nox that noxfile.py works with."""
    from importlib import metadata

    try:
        version = metadata.version("nox")
    except metadata.PackageNotFoundError:
        return False
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", version)[:3])
    return LOWEST_NOX <= numbers < NOX_BELOW and importlib.util.find_spec("nox") is not None


def bootstrapped() -> str:
    """The Python of the private venv that has nox, which is made first unless it is there and finished."""
    VENV.parent.mkdir(exist_ok=True)
    # Of two first runs at the same time, the second waits and finds the venv of the first.
    with locked(VENV.parent / ".bootstrap-lock"):
        # The venv serves the Python that made it and the range of nox it was made for.
        stamp = f"{NOX}\n{sys.base_prefix}\n{sys.version_info[0]}.{sys.version_info[1]}\n"
        finished = MARKER.is_file() and VENV_PYTHON.is_file() and MARKER.read_text("utf-8") == stamp
        if not finished:
            say(f"installing {NOX} into {VENV}")
            make_venv()
            install_nox()
            MARKER.write_text(stamp, encoding="utf-8")
    return str(VENV_PYTHON)


def make_venv() -> None:
    """Make an empty venv in place of whatever is there, in the first way that works."""
    remove(VENV)
    code, plain = run([sys.executable, "-m", "venv", str(VENV)])
    if code == 0:
        return

    # Some distributions leave ensurepip or venv out, and forbid pip to touch the system's packages.
    # They don't forbid it a folder of its own.
    remove(VENV)
    remove(TOOLS)
    code, output = run([*pip(sys.executable), "--target", str(TOOLS), VIRTUALENV])
    if code == 0:
        command = [sys.executable, "-m", "virtualenv", "--no-periodic-update", str(VENV)]
        code, output = run(command, PYTHONPATH=str(TOOLS))
    remove(TOOLS)
    if code != 0:
        raise SetupError(
            f"A virtual environment for nox can't be made with {sys.executable}.\n"
            f"python -m venv:\n{indented(plain)}\n"
            f"virtualenv, by pip:\n{indented(output)}\n"
            "What to do: install one of\n"
            "  - what Python's venv module needs (Debian and Ubuntu: the package python3-venv);\n"
            "  - pip (Debian and Ubuntu: python3-pip; elsewhere: python3 -m ensurepip);\n"
            f"  - nox itself, {NOX}."
        )


def install_nox() -> None:
    """Install nox into the venv from the index that the user's pip is configured for."""
    code, output = run([*pip(str(VENV_PYTHON)), NOX])
    if code != 0:
        raise SetupError(
            f"{NOX} can't be installed into {VENV}.\n"
            f"pip:\n{indented(output)}\n"
            "What to do: see to it that pip reaches a package index (`pip config list` shows its settings), "
            "or install nox yourself."
        )


def pip(python: str) -> "list[str]":
    """The command that installs with the pip of `python`."""
    return [python, "-m", "pip", "install", "--quiet", "--progress-bar", "off", "--disable-pip-version-check"]


def run(command: "list[str]", **variables: str) -> "tuple[int, str]":
    """Run a command and return its exit code and what it printed."""
    environment = {
        **os.environ,
        # Both may be on in the user's configuration, and would forbid an install into this folder.
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        **variables,
    }
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


def become(command: "list[str]") -> int:
    """Run a command in place of this process, or where that can't be, as the last thing that it does."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode


@contextlib.contextmanager
def locked(path: Path) -> "Iterator[None]":
    """Hold the lock `path`, where the system has such locks; it goes away with the process that holds it."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if folder.exists():
        shutil.rmtree(str(folder))


def say(message: str) -> None:
    """Print a line about what is going on."""
    print(f"noxfile.py: {message}", file=sys.stderr, flush=True)


def indented(text: str) -> str:
    """The end of a command's output, set off from the message around it."""
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-15:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
