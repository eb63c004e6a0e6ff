from __future__ import annotations

import pathlib

import pytest

from harness.errors import TargetError, UnknownTarget
from harness.targets import every_target, find_target, known_targets


@pytest.fixture
def impls(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "impls"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "target.toml").write_text(
        '[one]\nsummary = "s"\nfactory = "m:f"\n'
        '[with-command]\nsummary = "t"\ncommand = ["{root}/bin", "{tokenizer}"]\nenv.KEY = "value"\n'
    )
    return folder


def _needs(impls: pathlib.Path, what: str) -> None:
    (impls / "two").mkdir()
    (impls / "two" / "target.toml").write_text(
        f'[two]\nsummary = "s"\nfactory = "m:f"\nneeds.{what}\nneeds.hint = "build it"\n'
    )


def test_a_file_names_several(impls: pathlib.Path) -> None:
    assert known_targets(impls) == {"one": "s", "with-command": "t"}
    target = find_target("with-command", impls)
    assert target.command == (f"{impls.parent}/bin", "{tokenizer}")
    assert target.env == {"KEY": "value"}
    assert (target.lacking, target.asked) == ("", True)


@pytest.mark.parametrize("what", ['module = "no_such_module_anywhere"', 'program = "bin/no-such-program"'])
def test_what_is_not_built_is_lacking_with_the_cause(impls: pathlib.Path, what: str) -> None:
    _needs(impls, what)
    target = find_target("two", impls)
    assert "no" in target.lacking
    assert target.lacking.endswith("build it")
    assert target.asked
    assert [(each.name, each.asked) for each in every_target(impls)] == [
        ("one", False),
        ("with-command", False),
        ("two", False),
    ]


def test_what_is_built_lacks_nothing(impls: pathlib.Path) -> None:
    (impls.parent / "bin").mkdir()
    (impls.parent / "bin" / "program").touch()
    _needs(impls, 'program = "bin/program"')
    assert find_target("two", impls).lacking == ""


def test_a_name_given_twice_is_refused(impls: pathlib.Path) -> None:
    (impls / "two").mkdir()
    (impls / "two" / "target.toml").write_text('[one]\nsummary = "s"\nfactory = "m:f"\n')
    with pytest.raises(TargetError, match="a second time"):
        known_targets(impls)


def test_an_unknown_name_is_told_the_known_ones(impls: pathlib.Path) -> None:
    with pytest.raises(UnknownTarget, match="one"):
        find_target("three", impls)
