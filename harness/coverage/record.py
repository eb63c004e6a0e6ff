"""The coverage that was recorded, and what must not be less than it.

`goldens/coverage.json` has, for each tokenizer and dimension, what is covered: as a list, or for a long one as its
number and the holes. It is written when that is asked for and at no other time, so that less is never kept in silence.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Mapping, Sequence

import msgspec

from harness.coverage.dimension import Dimension
from harness.coverage.measure import IDS, SCRIPTS, SPLITS, TRANSITIONS
from harness.errors import GoldenError

FILE = "coverage.json"
FULL = (IDS, SPLITS, TRANSITIONS)
"""What the goldens of every tokenizer have all of."""
FEWEST_SCRIPTS = 150
_LONG = 1000

Coverage = Mapping[str, Sequence[Dimension]]
"""The dimensions of each tokenizer."""


class Recorded(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One dimension of one tokenizer: `covered`, or how many there are and the `holes` among them."""

    covered: tuple[str, ...] = ()
    of: int = 0
    holes: tuple[str, ...] = ()


def write(path: pathlib.Path, found: Coverage) -> None:
    """Record what was found, beside what is recorded of other tokenizers."""
    kept = dict(read(path)) if path.is_file() else {}
    kept |= {name: {each.name: _recorded(each) for each in dimensions} for name, dimensions in found.items()}
    data = msgspec.json.format(msgspec.json.encode(dict(sorted(kept.items()))), indent=1) + b"\n"
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(data)
    pathlib.Path(scratch.name).chmod(0o644)
    pathlib.Path(scratch.name).replace(path)


def read(path: pathlib.Path) -> Mapping[str, Mapping[str, Recorded]]:
    """What is recorded. Raises `GoldenError` if it can't be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Recorded]])
    except (OSError, msgspec.DecodeError) as error:
        raise GoldenError(
            f"the recorded coverage {path} can't be read",
            cause=str(error),
            hint="restore it from git, or record it anew with `parity coverage --record`",
        ) from error


def losses(recorded: Mapping[str, Mapping[str, Recorded]], found: Coverage) -> list[str]:
    """What is recorded and no longer covered, and what isn't recorded at all, a line each."""
    lost = []
    for name, dimensions in found.items():
        before = recorded.get(name)
        if before is None:
            lost.append(f"{name}: nothing is recorded")
            continue
        now = {each.name: each for each in dimensions}
        for title in dict.fromkeys([*before, *now]):
            if title not in before or title not in now:
                lost.append(f"{name}: {title} is {'new' if title in now else 'no longer measured'}")
            elif missing := _missing(before[title], now[title]):
                lost.append(f"{name}: {title}: no longer covered: {_some(missing)}")
    return lost


def shortfalls(found: Coverage) -> list[str]:
    """Where goldens have less than all goldens must have, a line each."""
    short = []
    for name, dimensions in found.items():
        for each in dimensions:
            if each.name in FULL and each.holes:
                short.append(f"{name}: {each.name}: not all are covered: {_some([h.item for h in each.holes])}")
            if each.name == SCRIPTS and len(each.covered) < FEWEST_SCRIPTS:
                short.append(f"{name}: {len(each.covered)} {each.name} are covered, fewer than {FEWEST_SCRIPTS}")
    return short


def _recorded(each: Dimension) -> Recorded:
    if len(each.covered) <= _LONG:
        return Recorded(covered=each.covered)
    return Recorded(of=each.size, holes=tuple(hole.item for hole in each.holes))


def _missing(before: Recorded, now: Dimension) -> list[str]:
    if not before.of:
        return sorted(set(before.covered) - set(now.covered))
    missing = sorted({hole.item for hole in now.holes} - set(before.holes))
    return missing or ([f"{before.of - now.size} of them"] if now.size < before.of else [])


def _some(items: Sequence[str]) -> str:
    shown = "; ".join(items[:5])
    return shown if len(items) <= 5 else f"{shown}; and {len(items) - 5} more"
