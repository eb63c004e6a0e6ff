"""The checks of this repository, each a session.

`python3 noxfile.py -s parity` works on a machine without nox, which is then installed for this folder alone.
"""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent

if __name__ == "__main__":
    # Doesn't come back. Nox itself loads this file under another name.
    runpy.run_path(str(ROOT / ".ci" / "bootstrap.py"), run_name="__main__")

from collections.abc import Callable
from typing import Any

import nox

# The package with everything that judging and making goldens take.
PACKAGE = ("-e", ".[oracle,worker,python]")
# What the gate judges unless told otherwise: short names of what is in impls/.
TARGETS = ("python", "worker")
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
# The sessions that a plain `nox` runs, in the order of this file.
DEFAULT_SESSIONS: list[str] = []
nox.options.sessions = DEFAULT_SESSIONS


def session(*, default: bool = True, name: str = "") -> Callable[[Callable[..., None]], Any]:
    """A decorator that makes a function a session, and one of the default sessions unless told otherwise."""

    def register(function: Callable[..., None]) -> Any:
        title = name or function.__name__
        if default:
            DEFAULT_SESSIONS.append(title)
        return nox.session(name=title, default=default)(function)

    return register


def install(session: nox.Session, *groups: str) -> None:
    """Install the package, what is in these dependency groups, and the versions that the goldens need."""
    session.install(*PACKAGE, *nox.project.dependency_groups(PYPROJECT, "pinned", *groups))


@session()
def parity(session: nox.Session) -> None:
    """The gate: red if an implementation leaves the goldens or a law.

    What follows `--` is passed on; names that come first replace the default targets.
    """
    install(session)
    arguments = session.posargs
    targets = () if arguments and not arguments[0].startswith("-") else TARGETS
    session.run("parity", "check", *targets, *arguments)


@session()
def tests(session: nox.Session) -> None:
    """The harness's own tests; what follows `--` is passed on to pytest."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@session()
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@session()
def typing(session: nox.Session) -> None:
    """Types, strictly."""
    install(session, "typing")
    session.run("mypy", *session.posargs)


@session()
@nox.parametrize("mode", [nox.param("--check", id="check")])
def goldens(session: nox.Session, mode: str) -> None:
    """Make every golden anew and compare it, byte for byte, with the one that is kept."""
    install(session)
    session.run("parity", "regen", mode, *session.posargs)


# Not a second parameter of `goldens`: a session named without a parameter runs all of them,
# and `-s goldens` must never rewrite what it is there to check.
@session(default=False, name="goldens(regen)")
def regen(session: nox.Session) -> None:
    """Make every golden anew and keep it."""
    install(session)
    session.run("parity", "regen", *session.posargs)


@session(default=False)
def bench(session: nox.Session) -> None:
    """Time the implementations."""
    install(session)
    session.run("parity", "bench", *session.posargs)
