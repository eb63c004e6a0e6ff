"""How `python3 noxfile.py` gets hold of nox: the decisions, without a network."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = ROOT / ".ci" / "bootstrap.py"
NOXFILE = ROOT / "noxfile.py"

Machine = Callable[..., "Commands"]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bootstrap in a checkout of its own, on a machine without nox."""
    spec = importlib.util.spec_from_file_location("bootstrap", BOOTSTRAP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    venv = tmp_path / ".nox" / ".bootstrap"
    monkeypatch.setattr(module, "NOXFILE", tmp_path / "noxfile.py")
    monkeypatch.setattr(module, "VENV", venv)
    monkeypatch.setattr(module, "VENV_PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(module, "MARKER", venv / "finished")
    monkeypatch.setattr(module, "TOOLS", tmp_path / ".nox" / ".bootstrap-tools")
    monkeypatch.setattr(module, "nox_is_here", lambda: False)
    return module


class Commands:
    """Stands in for the commands that the bootstrap runs, and keeps what it ran.

    `broken` maps what a command is recognised by to what it prints when it fails.
    """

    def __init__(self, bootstrap: ModuleType, broken: dict[str, str]) -> None:
        self.bootstrap = bootstrap
        self.broken = broken
        self.ran: list[str] = []
        self.environments: list[dict[str, str]] = []
        self.became: list[str] = []

    def run(self, command: list[str], **variables: str) -> tuple[int, str]:
        venv_python: Path = self.bootstrap.VENV_PYTHON
        name = {
            (sys.executable, "venv"): "venv",
            (sys.executable, "pip"): "pip --target",
            (sys.executable, "virtualenv"): "virtualenv",
            (str(venv_python), "pip"): "pip",
        }[command[0], command[2]]
        self.ran.append(name)
        self.environments.append(variables)
        if name in {"venv", "virtualenv"}:
            assert not self.bootstrap.VENV.exists()
            # A venv that fails has been begun, too.
            venv_python.parent.mkdir(parents=True)
            venv_python.touch()
        return (1, self.broken[name]) if name in self.broken else (0, "")

    def become(self, command: list[str]) -> int:
        self.became = command
        return 7


@pytest.fixture
def machine(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes a machine on which the named commands fail."""

    def make(broken: dict[str, str] | None = None) -> Commands:
        commands = Commands(bootstrap, broken or {})
        monkeypatch.setattr(bootstrap, "run", commands.run)
        monkeypatch.setattr(bootstrap, "become", commands.become)
        return commands

    return make


def test_a_nox_that_is_there_is_used(bootstrap: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = machine()
    monkeypatch.setattr(bootstrap, "nox_is_here", lambda: True)
    assert bootstrap.main([]) == 7
    assert commands.ran == []
    assert commands.became[0] == sys.executable


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("2024.10.9", False),
        ("2025.5.1", True),
        ("2026.10.20", True),
        ("2026.12.1.dev3", True),
        ("2027.1.1", False),
    ],
)
def test_only_a_nox_in_the_range_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, good: bool
) -> None:
    package = tmp_path / f"nox-{version}.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: nox\nVersion: {version}\n")
    (tmp_path / "nox.py").touch()
    code = f"import runpy; print(runpy.run_path({str(BOOTSTRAP)!r})['nox_is_here']())"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(good)


def test_the_first_run_makes_a_venv_and_the_second_reuses_it(bootstrap: ModuleType, machine: Machine) -> None:
    commands = machine()
    assert bootstrap.main(["-s", "tests", "--", "-k", "a or b"]) == 7
    assert commands.ran == ["venv", "pip"]
    expected = [
        str(bootstrap.VENV_PYTHON),
        *("-m", "nox", "-f", str(bootstrap.NOXFILE)),
        *("-s", "tests", "--", "-k", "a or b"),
    ]
    assert commands.became == expected

    again = machine()
    assert bootstrap.main(["-s", "parity"]) == 7
    assert again.ran == []
    assert again.became[0] == str(bootstrap.VENV_PYTHON)


def test_without_ensurepip_virtualenv_comes_by_pip(bootstrap: ModuleType, machine: Machine) -> None:
    commands = machine({"venv": "ensurepip is not available"})
    assert bootstrap.main([]) == 7
    assert commands.ran == ["venv", "pip --target", "virtualenv", "pip"]
    assert commands.environments[2] == {"PYTHONPATH": str(bootstrap.TOOLS)}


def test_without_ensurepip_and_pip_it_says_what_to_install(
    bootstrap: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = machine({"venv": "ensurepip is not available", "pip --target": "No module named pip"})
    assert bootstrap.main([]) == bootstrap.SETUP_FAILED
    assert commands.became == []
    message = capsys.readouterr().err
    for part in ("ensurepip is not available", "No module named pip", "python3-venv", "python3-pip"):
        assert part in message


def test_without_an_index_it_says_so_and_tries_again_next_time(
    bootstrap: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine({"pip": "No matching distribution found"})
    assert bootstrap.main([]) == bootstrap.SETUP_FAILED
    message = capsys.readouterr().err
    assert "No matching distribution found" in message
    assert "pip config list" in message

    commands = machine()
    assert bootstrap.main([]) == 7
    assert commands.ran == ["venv", "pip"]


@pytest.mark.parametrize("left", ["no marker", "of another range", "of a Python that is gone"])
def test_a_venv_that_will_not_do_is_made_anew(bootstrap: ModuleType, machine: Machine, left: str) -> None:
    machine()
    bootstrap.main([])
    if left == "no marker":
        bootstrap.MARKER.unlink()
    elif left == "of another range":
        bootstrap.MARKER.write_text(bootstrap.MARKER.read_text().replace(bootstrap.NOX, "nox<1"))
    else:
        bootstrap.VENV_PYTHON.unlink()
        bootstrap.VENV_PYTHON.symlink_to("/nowhere/python")
    stray = bootstrap.VENV / "stray"
    stray.touch()

    commands = machine()
    assert bootstrap.main([]) == 7
    assert commands.ran == ["venv", "pip"]
    assert not stray.exists()


def test_an_old_python_is_refused(
    bootstrap: ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands = machine()
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    assert bootstrap.main([]) == bootstrap.SETUP_FAILED
    assert (commands.ran, commands.became) == ([], [])
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err


@pytest.mark.parametrize("path", [BOOTSTRAP, NOXFILE], ids=lambda path: path.name)
def test_an_old_python_can_read_what_refuses_it(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 6))
    # The parser lets this one through, old Pythons don't.
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    assert futures == []


def test_the_noxfile_run_as_a_script_is_nox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "nox-2026.10.20.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: nox\nVersion: 2026.10.20\n")
    (tmp_path / "nox.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(5)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, str(NOXFILE), "-s", "tests", "--", "-k", "a b"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert done.stdout.strip() == str(["-f", str(NOXFILE), "-s", "tests", "--", "-k", "a b"])
