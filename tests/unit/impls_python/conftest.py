"""Folders of tiny tokenizers."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from tests.unit.impls_python.tiny import TINY, save


@pytest.fixture(scope="session")
def save_tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], pathlib.Path]:
    """Makes the folder of a tiny tokenizer, by its name."""
    root = tmp_path_factory.mktemp("tiny")
    return lambda name: save(TINY[name](), root / name)
