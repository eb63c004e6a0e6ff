"""What a worker is told when it starts: addresses, sizes and its back end."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BACKEND_VARIABLE = "MINISGL_TOKENIZER_BACKEND"
BACKENDS = ("python", "rust_inprocess", "rust_tokenize_only")

ENDS = ("pull", "backend", "frontend")
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


class SettingsError(Exception):
    """The worker can't start with what it was told; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a worker is told.

    `pull`, `backend` and `frontend` are ZeroMQ addresses, those named in `bound` are bound and the others
    connected; `local_bs` is the number of messages from which no further frame is taken.
    """

    tokenizer: pathlib.Path
    pull: str
    backend: str
    frontend: str
    bound: frozenset[str] = frozenset({"pull"})
    local_bs: int = 32
    backend_name: str = "python"


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Read the command line and the environment.

    Raises `SettingsError`, or `SystemExit` as argparse does on a malformed command line.
    """
    parser = argparse.ArgumentParser(prog="python -m impls.worker", description="A tokenizer worker process.")
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True, metavar="DIR")
    for end, what in zip(ENDS, ("requests", "ids, to the back end", "text, to the front end"), strict=True):
        parser.add_argument(f"--{end}", required=True, metavar="ADDR", help=f"ipc:// or tcp:// address: {what}")
    parser.add_argument(
        "--bind",
        action="append",
        metavar="END,…",
        help="the ends to bind, the others are connected (default: pull; none: connect all)",
    )
    parser.add_argument("--local-bs", type=int, default=32, metavar="N", help="merge frames up to N messages")
    told = parser.parse_args(argv)

    bound = frozenset(_ends(told.bind)) if told.bind is not None else frozenset({"pull"})
    for end in ENDS:
        check_address(end, getattr(told, end), bind=end in bound)
    if told.local_bs < 1:
        raise SettingsError(f"--local-bs must be at least 1, not {told.local_bs}")
    if not told.tokenizer.is_dir():
        raise SettingsError(f"--tokenizer must be a folder, and {told.tokenizer} is none")
    return Settings(
        tokenizer=told.tokenizer,
        pull=told.pull,
        backend=told.backend,
        frontend=told.frontend,
        bound=bound,
        local_bs=told.local_bs,
        backend_name=backend_name(environ),
    )


def backend_name(environ: Mapping[str, str]) -> str:
    """The back end that the environment asks for. Raises `SettingsError` if there is no such."""
    name = environ.get(BACKEND_VARIABLE, "python")
    if name not in BACKENDS:
        raise SettingsError(f"{BACKEND_VARIABLE} is {name!r}; the valid values are: {', '.join(BACKENDS)}")
    return name


def check_address(end: str, address: str, *, bind: bool) -> None:
    """Raise `SettingsError` on an address the worker won't use for the socket `end`."""
    transport, separator, place = address.partition("://")
    if not separator or not place or transport not in ("ipc", "tcp"):
        raise SettingsError(f"--{end} must be an ipc:// or tcp:// address, not {address!r}")
    if transport == "ipc" and bind and place.startswith("@"):
        raise SettingsError(
            f"--{end} won't be bound to {address}: an abstract socket has no owner, anyone could connect"
        )
    # Nobody is asked who they are, and nothing is encrypted: whoever is at the other end may write or read.
    if transport == "tcp" and place.rpartition(":")[0] not in _LOOPBACK:
        verb, allowed = "bound" if bind else "connected", ", ".join(_LOOPBACK)
        raise SettingsError(f"--{end} won't be {verb} to {address}: tcp is used on loopback only ({allowed})")


def _ends(lists: Sequence[str]) -> list[str]:
    names = [name.strip() for names in lists for name in names.split(",")]
    if names == ["none"]:
        return []
    for name in names:
        if name not in ENDS:
            raise SettingsError(f"--bind knows {', '.join(ENDS)} and none, not {name!r}")
    return names
