"""The checks of this repository, each a session.

`python3 noxfile.py -s parity` works on a machine without nox, which is then installed for this folder alone.
"""

import os
import runpy
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent

if __name__ == "__main__":
    # Doesn't come back. Nox itself loads this file under another name.
    runpy.run_path(str(ROOT / ".ci" / "bootstrap.py"), run_name="__main__")

from collections.abc import Callable
from typing import Any

import nox

# The package with everything that judging and making goldens take.
PACKAGE = ("-e", ".[oracle,worker,python,fuzz,coverage]")
RUST = ROOT / "impls" / "rust"
# Each back end of the library by itself, none, and those that an example compares.
RUST_FEATURES = ("", "tokenizers", "direct", "fastokens", "splintr", "llm-tokenizer", "direct,fastokens,splintr")
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


def build_rust(session: nox.Session) -> None:
    """Build the Python module and the service of impls/rust. Without cargo they are left out, and shown as such."""
    if shutil.which("cargo") is None:
        session.warn("cargo is not installed: what is in impls/rust is not built")
        return
    wheels = RUST / "target" / "wheels" / session.name
    shutil.rmtree(wheels, ignore_errors=True)
    session.install(*nox.project.dependency_groups(PYPROJECT, "rust"))
    manifest = str(RUST / "python" / "Cargo.toml")
    session.run("maturin", "build", "--release", "--locked", "--quiet", "-m", manifest, "--out", str(wheels))
    session.install(
        "--reinstall" if session.venv_backend == "uv" else "--force-reinstall",
        "--no-deps",
        *map(str, wheels.glob("*.whl")),
    )
    with session.chdir(RUST):
        service = ("-p", "minisgl-tokenizer-service")
        session.run("cargo", "build", "--release", "--locked", "--quiet", *service, external=True)


@session()
def parity(session: nox.Session) -> None:
    """The gate: red if an implementation leaves the goldens.

    What follows `--` is passed on; names that come first are judged instead of all of impls/.
    """
    install(session)
    build_rust(session)
    session.run("parity", "check", *session.posargs)


@session()
def tests(session: nox.Session) -> None:
    """The harness's own tests; what follows `--` is passed on to pytest."""
    install(session, "test")
    # 80 MB, and only the tests start a cluster.
    session.install("-e", ".[ray]")
    build_rust(session)
    session.run("pytest", *session.posargs)


@session(default=False)
def hostile(session: nox.Session) -> None:
    """A hundred thousand hostile frames, mixed with good ones, to every worker and the service."""
    install(session, "test")
    build_rust(session)
    session.run("pytest", "tests/integration/test_hostile.py", "--hostile-frames", "100000", *session.posargs)


@session()
def rust(session: nox.Session) -> None:
    """The Rust workspace: formatting, clippy, and tests against the goldens."""
    if shutil.which("cargo") is None:
        session.skip("cargo is not installed")
    install(session)
    tokenizers = session.run("parity", "fetch", silent=True) or ""
    env = {"TOKPARITY_TOKENIZERS": tokenizers.strip().replace("\n", os.pathsep)}
    with session.chdir(RUST):
        session.run("cargo", "fmt", "--all", "--check", external=True)
        session.run(
            "cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings", external=True
        )
        library = ("-p", "minisgl-tokenizer", "--all-targets", "--locked", "--no-default-features")
        for feature in RUST_FEATURES:
            session.run("cargo", "clippy", *library, "--features", feature, "--", "-D", "warnings", external=True)
        everything = ("--workspace", "--features", "minisgl-tokenizer/llm-tokenizer,minisgl-tokenizer/splintr")
        session.run("cargo", "test", *everything, "--release", "--locked", *session.posargs, external=True, env=env)


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
    """Make the default set's goldens anew and compare them with those that are kept; then look at their coverage."""
    install(session)
    session.run("parity", "regen", mode, *session.posargs)
    session.run("parity", "coverage", *session.posargs)


# Not a second parameter of `goldens`: a session named without a parameter runs all of them,
# and `-s goldens` must never rewrite what it is there to check.
@session(default=False, name="goldens(regen)")
def regen(session: nox.Session) -> None:
    """Make goldens anew and keep them: the default set, or what follows `--`."""
    install(session)
    session.run("parity", "regen", *session.posargs)


# Not a default session: it fetches 180 MB of packages, for tokenizers outside the default set.
@session(default=False)
def vectors(session: nox.Session) -> None:
    """The oracle's encoding against the vectors of llama.cpp."""
    install(session, "test")
    session.run("pytest", "tests/vectors/llama_cpp.py", *session.posargs)


@session(default=False, name="goldens(review)")
def review(session: nox.Session) -> None:
    """Show what pending goldens change, and ask what to do with it."""
    install(session)
    session.run("parity", "review", *session.posargs)


@session()
def fuzz(session: nox.Session) -> None:
    """Search what is in impls/ for what is wrong, always the same scripts; what follows `--` is for `parity fuzz`."""
    install(session)
    build_rust(session)
    if session.posargs:
        session.run("parity", "fuzz", *session.posargs)
        return
    rust = () if shutil.which("cargo") is None else ("rust", "rust-service")
    session.run("parity", "fuzz", "python", "worker", *rust, "--budget", "400")
    session.run("parity", "laws", "ideal", "--budget", "400")


@session(default=False)
def zoo(session: nox.Session) -> None:
    """Let historical bugs loose on the harness; names of files in impls/zoo may follow `--`."""
    install(session)
    session.run("parity", "zoo", *session.posargs)


@session(default=False)
def bench(session: nox.Session) -> None:
    """Time the implementations."""
    install(session)
    build_rust(session)
    session.run("parity", "bench", *session.posargs)
