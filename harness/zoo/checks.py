"""What must catch a bug: the name of a check, taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import TargetError
from harness.laws import LAWS
from harness.model import Kind

FAULTS = (Kind.CRASH, Kind.HANG)
"""What only a process of its own survives."""


@dataclass(frozen=True, slots=True)
class Check:
    """A class of divergence from the goldens, or else a law."""

    kind: Kind | None = None
    law: str = ""


def read_check(name: str) -> Check:
    """The check that `golden:CLASS` or `law:NAME` stands for. Raises `TargetError` if it is none."""
    judge, _, what = name.partition(":")
    if judge == "golden" and what in {kind.value for kind in Kind}:
        return Check(kind=Kind(what))
    if judge == "law" and what in LAWS:
        return Check(law=what)
    raise TargetError(
        f"{name!r} is no check",
        cause=f"classes are {', '.join(kind.value for kind in Kind)}; laws are {', '.join(LAWS)}",
        hint="write golden:CLASS or law:NAME",
    )
