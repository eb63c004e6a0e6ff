"""A pytest plugin: `--parity-target` adds a test for each implementation on each tokenizer."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

_PROFILES = ("reference", "laws")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all beginning with --parity."""
    group = parser.getgroup("parity", "conformance of tokenizers and streaming detokenizers")
    group.addoption(
        "--parity-target",
        action="append",
        default=[],
        metavar="TARGET",
        help="search this implementation: a short name, module:factory or file.py:factory; may be repeated",
    )
    group.addoption(
        "--parity-tokenizer",
        action="append",
        default=[],
        metavar="NAME",
        help="on this pinned tokenizer or folder (default: qwen2.5, llama2 and bert); may be repeated",
    )
    group.addoption("--parity-profile", choices=_PROFILES, default="reference", help="what to judge by")
    group.addoption("--parity-scripts", type=int, default=1000, metavar="N", help="how long to search (default: 1000)")
    group.addoption("--parity-seed", type=int, default=0, metavar="N", help="which search (default: 0)")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests that the options ask for, behind all others."""
    tokenizers = config.getoption("--parity-tokenizer") or ["qwen2.5", "llama2", "bert"]
    for target in config.getoption("--parity-target"):
        for tokenizer in tokenizers:
            name = f"parity[{target}-{tokenizer}-{config.getoption('--parity-profile')}]"
            items.append(_Conformance.from_parent(session, name=name, target=target, tokenizer=tokenizer))


class _Conformance(pytest.Item):
    """The search of one implementation on one tokenizer."""

    def __init__(self, *, target: str, tokenizer: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._target, self._tokenizer = target, tokenizer

    def runtest(self) -> None:
        # Imported here, so that a run without the option doesn't pay for it.
        from harness.conformance import assert_conformant
        from harness.project import find_project
        from harness.targets import callable_spec, find_target, load_factory

        target = find_target(self._target, find_project(pathlib.Path.cwd()).impls)
        assert_conformant(
            load_factory(callable_spec(target)),
            tokenizer=self._tokenizer,
            profile=self.config.getoption("--parity-profile"),
            scripts=self.config.getoption("--parity-scripts"),
            seed=self.config.getoption("--parity-seed"),
        )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | Any:
        from harness.errors import ParityError

        if isinstance(excinfo.value, AssertionError | ParityError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[pathlib.Path, int | None, str]:
        return self.path, None, self.name
