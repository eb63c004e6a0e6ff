"""docs/conformance.md leads from red to green, as it says."""

from __future__ import annotations

import pathlib
import re

import pytest

from harness.conformance import assert_conformant
from harness.protocol import Factory
from harness.targets import load_factory
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Factory]:
    """The page's class, as it is first, mended, and mended again."""
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    first, shows, refuses = blocks[1], blocks[2], blocks[3]
    second = _replaced(first, r"        if not finished:\n.*?return text\[sent:\]\n", shows)
    third = _replaced(second, r"    def detokenize\(self.*?\n\n", refuses + "\n")
    factories = []
    for number, text in enumerate((first, second, third)):
        path: pathlib.Path = tmp_path_factory.mktemp("page") / f"page{number}.py"
        path.write_text(text, encoding="utf-8")
        factories.append(load_factory(f"{path}:factory"))
    return factories


def _replaced(text: str, pattern: str, by: str) -> str:
    result, count = re.subn(pattern, lambda _: by, text, count=1, flags=re.DOTALL)
    assert count == 1
    return result


def test_it_is_red_then_less_red_then_green(versions: list[Factory]) -> None:
    first, second, third = versions
    with pytest.raises(AssertionError, match="no-replacement: replaced"):
        assert_conformant(first, tokenizer="qwen2.5", profile="laws", scripts=400)
    with pytest.raises(AssertionError, match="independent: crossed"):
        assert_conformant(second, tokenizer="qwen2.5", profile="laws", scripts=400)
    assert_conformant(third, tokenizer="qwen2.5", profile="laws", scripts=400)
