"""What every test may use: the pinned tokenizers' folders, and hypothesis without chance."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import settings

from harness.assets import resolve
from harness.fuzz import Setting, read_setting

ROOT = pathlib.Path(__file__).resolve().parent.parent

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--hostile-frames", type=int, default=3000, help="how many hostile frames each worker is sent")


@pytest.fixture(scope="session")
def hostile_frames(request: pytest.FixtureRequest) -> int:
    """How many hostile frames each worker is sent."""
    frames: int = request.config.getoption("--hostile-frames")
    return frames


@pytest.fixture(scope="session")
def project_root() -> pathlib.Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def tokenizer_dir() -> Callable[[str], pathlib.Path]:
    """The folder of a pinned tokenizer, by name."""
    return lambda name: resolve(name, ROOT / "corpora")


@pytest.fixture(scope="session")
def setting(tokenizer_dir: Callable[[str], pathlib.Path]) -> Callable[[str], Setting]:
    """What a search needs of a pinned tokenizer, by name."""
    return cache(lambda name: read_setting(name, tokenizer_dir(name), ROOT / "corpora"))
