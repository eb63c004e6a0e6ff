"""How an implementation is named, and how its factory is found.

A name is `module:factory`, `file.py:factory`, an entry point of the group `tokparity.backends`, or a short name: a
table in a target.toml in a folder of impls/, with `factory = "module:name"`, or `command = […]` for a worker process.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pathlib
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

import msgspec

from harness.errors import TargetError, UnknownTarget
from harness.protocol import Factory

GROUP = "tokparity.backends"
_FILE = "target.toml"


@dataclass(frozen=True, slots=True)
class Target:
    """An implementation: by its factory's spec, or by the command of its worker process.

    `env` is added to that process's environment. `lacking` says what has to be built first, and is empty if nothing
    has; such a target can't be judged, which is red only if it was `asked` for. `folder` is where it lies in impls/.
    """

    name: str
    spec: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    lacking: str = ""
    asked: bool = True
    folder: pathlib.Path | None = None


class _Needs(msgspec.Struct, forbid_unknown_fields=True):
    hint: str
    module: str = ""
    program: str = ""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    summary: str
    factory: str = ""
    command: list[str] = []
    env: dict[str, str] = {}
    needs: _Needs | None = None
    gate: bool = True


def known_targets(impls: pathlib.Path) -> dict[str, str]:
    """The short names that can be judged here, each with a line on what it is."""
    found = {name: entry.summary for name, (_, entry) in _entries(impls).items()}
    for point in importlib.metadata.entry_points(group=GROUP):
        found[point.name] = f"entry point {point.value}"
    return found


def every_target(impls: pathlib.Path) -> list[Target]:
    """All that impls/ has for the gate, for a run that asks for none by name."""
    entries = _entries(impls).items()
    return [_target(name, folder, entry, asked=False) for name, (folder, entry) in entries if entry.gate]


def names_in(folder: pathlib.Path) -> list[str]:
    """The short names of what lies in a folder of impls/."""
    return list(_read(folder / _FILE))


def find_target(name: str, impls: pathlib.Path) -> Target:
    """What a name stands for. Raises `UnknownTarget` if it stands for nothing."""
    if ":" in name:
        place = name.rpartition(":")[0]
        if place.endswith(".py") and not pathlib.Path(place).is_file():
            raise _unknown(name, impls, f"there is no file {place}")
        if not place.endswith(".py") and not _importable(place):
            raise _unknown(name, impls, f"there is no module {place}")
        return Target(name, spec=name)
    entries = _entries(impls)
    if name in entries:
        return _target(name, *entries[name], asked=True)
    for point in importlib.metadata.entry_points(group=GROUP, name=name):
        return Target(name, spec=point.value)
    raise _unknown(name, impls, "it is neither a short name, nor an entry point, nor module:factory")


def load_factory(spec: str) -> Factory:
    """The factory that `module:factory` or `file.py:factory` names. Raises `TargetError` if there is none."""
    place, _, attribute = spec.rpartition(":")
    try:
        module = _load_file(pathlib.Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:
        raise TargetError(
            f"{place} can't be imported",
            cause=f"{type(error).__name__}: {error}",
            hint="import it by hand to see",
        ) from error
    factory: Factory | None = getattr(module, attribute, None)
    if not callable(factory):
        raise TargetError(
            f"{place} has no factory {attribute!r}",
            hint="define a function that takes a tokenizer folder and returns a backend",
        )
    return factory


def searchable(target: Target) -> Target:
    """The target itself. Raises `TargetError` if something has to be built first."""
    if target.lacking:
        raise TargetError(f"{target.name} can't be searched", cause=target.lacking, hint="build it, or name another")
    return target


def callable_spec(target: Target) -> str:
    """The spec of a target that can be called in this process. Raises `TargetError` if it can't."""
    if not searchable(target).spec:
        raise TargetError(
            f"{target.name} can't be called in this process",
            cause="it is a command",
            hint=f"search it with `parity fuzz {target.name}`, or name the implementation behind it",
        )
    return target.spec


def _load_file(path: pathlib.Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    # As for a script: the modules beside it can be imported.
    sys.path.insert(0, str(path.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _unknown(name: str, impls: pathlib.Path, cause: str) -> UnknownTarget:
    known: Sequence[str] = sorted(known_targets(impls))
    return UnknownTarget(
        f"there is no implementation {name!r}",
        cause=cause,
        hint=f"use one of {', '.join(known) or 'no short names here'}, module:factory or file.py:factory",
    )


def _target(name: str, folder: pathlib.Path, entry: _Entry, *, asked: bool) -> Target:
    root = folder.parent.parent
    lacking = _lacking(entry.needs, root) if entry.needs is not None else ""
    command = tuple(part.replace("{root}", str(root)) for part in entry.command)
    return Target(name, entry.factory, command, entry.env, lacking, asked, folder)


def _lacking(needs: _Needs, root: pathlib.Path) -> str:
    if needs.module and not _importable(needs.module):
        return f"the module {needs.module} is not installed: {needs.hint}"
    if needs.program and not (root / needs.program).is_file():
        return f"{needs.program} is not built: {needs.hint}"
    return ""


def _entries(impls: pathlib.Path) -> dict[str, tuple[pathlib.Path, _Entry]]:
    """The tables of every target.toml with the folder it is in, by name."""
    found: dict[str, tuple[pathlib.Path, _Entry]] = {}
    for path in sorted(impls.glob(f"*/{_FILE}")):
        for name, entry in _read(path).items():
            if name in found:
                raise TargetError(f"{path} has {name!r} a second time", hint="give it another name")
            found[name] = path.parent, entry
    return found


def _read(path: pathlib.Path) -> dict[str, _Entry]:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, _Entry])
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TargetError(f"{path} can't be read", cause=str(error), hint="check the file") from error
