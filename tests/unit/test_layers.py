from __future__ import annotations

import ast
import pathlib

import pytest

HARNESS = pathlib.Path(__file__).resolve().parents[2] / "harness"
# Lowest first: a module imports from its own row and from lower ones.
ROWS = (
    {"model", "errors", "visible", "script", "edits"},
    {
        "project",
        "tokenizer",
        "convert",
        "packages",
        "spiece",
        "assets",
        "corpus",
        "schedule",
        "protocol",
        "wire",
        "targets",
        "events",
        "known",
        "laws",
        "swap",
        "environments",
    },
    {"oracle", "golden", "generate", "adapters", "compare", "subject", "strategies", "states", "spelling"},
    {
        "regen",
        "run",
        "engine",
        "spread",
        "cluster",
        "review",
        "upgrade",
        "judges",
        "shrink",
        "locate",
        "kept",
        "coverage",
    },
    {"bench", "suites", "fuzz"},
    {"zoo"},
    {"export"},
    {"campaign"},
    {"report", "conformance"},
    {"cli", "plugin"},
)
ONLY_IN = {
    "pyarrow": {"golden"},
    "tokenizers": {"tokenizer", "bench"},
    "transformers": {"tokenizer"},
    "ray": {"cluster"},
    "impls": set[str](),
}


def _modules() -> list[pathlib.Path]:
    return [path for path in sorted(HARNESS.rglob("*.py")) if path.name != "__init__.py"]


def _name(path: pathlib.Path) -> str:
    return path.relative_to(HARNESS).parts[0].removesuffix(".py")


def _imports(path: pathlib.Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "harness":
            found |= {f"harness.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _row(name: str) -> int:
    return next(at for at, row in enumerate(ROWS) if name in row)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(HARNESS)))
def test_a_module_imports_from_lower_rows(path: pathlib.Path) -> None:
    for imported in _imports(path):
        top, _, rest = imported.partition(".")
        if top == "harness":
            assert _row(rest.partition(".")[0]) <= _row(_name(path)), imported
        assert _name(path) in ONLY_IN.get(top, {_name(path)}), imported


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(HARNESS)))
def test_a_module_is_short(path: pathlib.Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
