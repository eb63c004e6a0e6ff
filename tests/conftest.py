"""What every test may use: the pinned tokenizers' folders, and hypothesis without chance."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest
from hypothesis import settings

from harness.assets import resolve

ROOT = pathlib.Path(__file__).resolve().parent.parent

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def project_root() -> pathlib.Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def tokenizer_dir() -> Callable[[str], pathlib.Path]:
    """The folder of a pinned tokenizer, by name."""
    return lambda name: resolve(name, ROOT / "corpora")
