"""What the worker's command line and environment may say."""

from __future__ import annotations

import pathlib

import pytest

from impls.worker.settings import SettingsError, backend_name, parse


@pytest.mark.parametrize(
    ("bind", "bound"),
    [
        ([], {"pull"}),
        (["--bind", "backend"], {"backend"}),
        (["--bind", "backend, frontend", "--bind", "pull"], {"pull", "backend", "frontend"}),
        (["--bind", "none"], set()),
    ],
)
def test_the_ends_to_bind(tmp_path: pathlib.Path, bind: list[str], bound: set[str]) -> None:
    ends = [part for end in ("pull", "backend", "frontend") for part in (f"--{end}", "ipc:///tmp/none")]
    assert parse(["--tokenizer", str(tmp_path), *ends, *bind], {}).bound == bound


@pytest.mark.parametrize("end", ["pull", "backend", "frontend"])
@pytest.mark.parametrize(
    "address",
    ["tcp://0.0.0.0:1", "tcp://*:1", "tcp://[::]:1", "tcp://eth0:1", "tcp://192.168.0.1:1", "tcp://127.0.0.1"],
)
def test_only_loopback_is_used(tmp_path: pathlib.Path, end: str, address: str) -> None:
    ends = {"pull": "ipc:///tmp/none", "backend": "ipc:///tmp/none", "frontend": "ipc:///tmp/none", end: address}
    told = ["--tokenizer", str(tmp_path), *[part for name in ends for part in (f"--{name}", ends[name])]]
    with pytest.raises(SettingsError, match=f"--{end} won't be bound"):
        parse([*told, "--bind", "pull,backend,frontend"], {})
    with pytest.raises(SettingsError, match=f"--{end} won't be connected"):
        parse([*told, "--bind", "none"], {})


@pytest.mark.parametrize("name", ["", "fast", "Python", "rust_inprocess "])
def test_another_back_end_than_those_there_are(name: str) -> None:
    with pytest.raises(SettingsError, match="the valid values are: python, rust_inprocess, rust_tokenize_only"):
        backend_name({"MINISGL_TOKENIZER_BACKEND": name})


def test_the_back_ends_there_are() -> None:
    assert backend_name({}) == "python"
    for name in ("python", "rust_inprocess", "rust_tokenize_only"):
        assert backend_name({"MINISGL_TOKENIZER_BACKEND": name}) == name


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (["--bind", "everything"], "--bind knows"),
        (["--local-bs", "0"], "at least 1"),
        (["--tokenizer", "/nowhere/at/all"], "must be a folder"),
        (["--pull", "inproc://a"], "ipc:// or tcp://"),
        (["--pull", "ipc://"], "ipc:// or tcp://"),
        (["--pull", "ipc://@anyone"], "abstract socket"),
    ],
)
def test_settings_that_are_refused(tmp_path: pathlib.Path, told: list[str], says: str) -> None:
    ends = [part for end in ("pull", "backend", "frontend") for part in (f"--{end}", "ipc:///tmp/none")]
    with pytest.raises(SettingsError, match=says):
        parse(["--tokenizer", str(tmp_path), *ends, *told], {})
