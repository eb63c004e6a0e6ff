"""Known failures: the list beside an implementation, and what becomes of its entries in a run.

An entry excuses a case that fails as it says, and nothing else. Whatever no longer holds is a `Problem`, and red:
a list can't go stale in silence.
"""

from __future__ import annotations

import datetime
import enum
import fnmatch
import pathlib
import tempfile
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import tomlkit

from harness.errors import KnownError
from harness.model import Kind

FILE = "known.toml"


class Problem(enum.StrEnum):
    """Why an entry of a list is red."""

    UNEXPECTED_PASS = "unexpected pass"
    UNSEEN = "unseen entry"
    EXPIRED = "expired entry"
    WRONG_CLASS = "wrong class"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "class"}):
    """A failure that is known: of which cases, of which class, where it is followed, by whom, and until when.

    It has a `case` or a `pattern`, every case of which has to fail. Without a `target` it is for each implementation
    that the file is for.
    """

    tokenizer: str
    kind: Kind
    issue: str
    owner: str
    expires: datetime.date
    case: str = ""
    pattern: str = ""
    target: str = ""

    @property
    def what(self) -> str:
        """The case or the pattern."""
        return self.case or self.pattern

    @property
    def corpus(self) -> str:
        """The corpus that its cases are of, or a pattern for it."""
        return self.what.partition("/")[0]

    def matches(self, case: str) -> bool:
        """Whether a case is one of these."""
        return case == self.case or (bool(self.pattern) and fnmatch.fnmatchcase(case, self.pattern))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    known: list[Entry] = []


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry that doesn't hold, with what was seen. `still` are the cases of it that do fail as it says."""

    entry: Entry
    problem: Problem
    cause: str
    still: tuple[str, ...] = ()


def read_known(path: pathlib.Path, targets: Collection[str]) -> tuple[Entry, ...]:
    """The entries of a list for these implementations, none if there is no file. Raises `KnownError`."""
    try:
        entries = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).known
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _wrong(path, str(error)) from error
    for at, entry in enumerate(entries, 1):
        if bool(entry.case) == bool(entry.pattern):
            raise _wrong(path, f"entry {at} needs a case or a pattern, and not both")
        for name in ("tokenizer", "issue", "owner"):
            if not getattr(entry, name).strip():
                raise _wrong(path, f"entry {at} ({entry.what}) has no {name}")
        if entry.target and entry.target not in targets:
            raise _wrong(path, f"entry {at} ({entry.what}) is for {entry.target!r}, the file for {', '.join(targets)}")
        twins = [e for e in entries[: at - 1] if (e.tokenizer, e.what) == (entry.tokenizer, entry.what)]
        if any(not twin.target or twin.target == entry.target or not entry.target for twin in twins):
            raise _wrong(path, f"entry {at} ({entry.what}) is there twice")
    return tuple(entries)


def of_target(entries: Sequence[Entry], target: str) -> tuple[Entry, ...]:
    """The entries that are for an implementation."""
    return tuple(entry for entry in entries if entry.target in ("", target))


class Ledger:
    """What becomes of the entries for one implementation and one tokenizer, case by case."""

    def __init__(self, entries: Sequence[Entry], today: datetime.date) -> None:
        self._today = today
        self._failed: dict[Entry, list[str]] = {entry: [] for entry in entries}
        self._passed: dict[Entry, list[str]] = {entry: [] for entry in entries}
        self._other: dict[Entry, list[tuple[str, Kind]]] = {entry: [] for entry in entries}

    def excuse(self, case: str, kind: Kind | None) -> Entry | None:
        """Note how a case went, None if it is green; the entry that excuses it, if there is one."""
        excuse = None
        for entry in self._failed:
            if not entry.matches(case):
                continue
            if kind is None:
                self._passed[entry].append(case)
            elif kind != entry.kind:
                self._other[entry].append((case, kind))
            else:
                self._failed[entry].append(case)
                if excuse is None and entry.expires >= self._today:
                    excuse = entry
        return excuse

    def findings(self, judged: Callable[[str], bool]) -> list[Finding]:
        """The entries that don't hold. `judged` says of a corpus, or a pattern of corpora, if all of it was judged."""
        found = []
        for entry, failed in self._failed.items():
            passed, other = self._passed[entry], self._other[entry]
            if other:
                case, kind = other[0]
                found.append(Finding(entry, Problem.WRONG_CLASS, f"{case} is {kind.value}, not {entry.kind.value}"))
            if passed:
                cause = f"{len(passed)} of {len(passed) + len(failed) + len(other)} cases are green, first {passed[0]}"
                still = (*failed, *(case for case, _ in other))
                found.append(Finding(entry, Problem.UNEXPECTED_PASS, cause, still))
            elif not failed and not other and judged(entry.corpus):
                found.append(Finding(entry, Problem.UNSEEN, "no case that was judged is one of these"))
            elif entry.expires < self._today:
                found.append(Finding(entry, Problem.EXPIRED, f"it was to be mended by {entry.expires}"))
        return found


def prune(path: pathlib.Path, entries: Sequence[Entry], left: Mapping[Entry, Sequence[str]]) -> int:
    """Take out of a list what is green, and give how many entries that shortened.

    `left` has the cases of an entry that still fail: without any it goes, and a pattern gives way to entries for just
    these cases. Nothing else is added, and what `left` doesn't name stays as it is. Raises `KnownError`.
    """
    text = path.read_text(encoding="utf-8")
    document = tomlkit.parse(text)
    tables = document["known"]
    assert isinstance(tables, tomlkit.items.AoT)
    kept = tomlkit.aot()
    wanted: list[Entry] = []
    for entry, table in zip(entries, tables, strict=True):
        if entry not in left:
            kept.append(table)
            wanted.append(entry)
        elif entry.pattern:
            for case in left[entry]:
                narrow = tomlkit.table()
                for key, value in table.items():
                    narrow.add("case" if key == "pattern" else key, case if key == "pattern" else value)
                kept.append(narrow)
                wanted.append(msgspec.structs.replace(entry, pattern="", case=case))
    if kept:
        document["known"] = kept
    else:
        del document["known"]
    data = tomlkit.dumps(document)
    if msgspec.convert(tomllib.loads(data), _File).known != wanted:
        raise _wrong(path, "it could not be rewritten without changing other entries")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as scratch:
        scratch.write(data)
    pathlib.Path(scratch.name).replace(path)
    return len(left)


def _wrong(path: pathlib.Path, cause: str) -> KnownError:
    return KnownError(
        f"the list of known failures {path} can't be used", cause=cause, hint="see docs/known-failures.md for its form"
    )
