"""Lists of known failures."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import cyclopts
from rich.console import Console

from harness.assets import read_pins
from harness.cli.app import app, waiting
from harness.errors import KnownError
from harness.events import KnownRed, RunFinished
from harness.known import FILE, Entry, Problem, of_target, prune, read_known
from harness.project import find_project
from harness.report import terminal
from harness.run import Options, check
from harness.suites import suites
from harness.targets import Target, find_target, names_in

known_app = cyclopts.App(name="known", help="Work on a list of known failures.")
app.command(known_app)


def known_failures(targets: Sequence[Target], file: pathlib.Path | None) -> dict[str, tuple[Entry, ...]]:
    """The known failures of each target: of what is in impls/ from beside it, of others from the file."""
    outside = [target.name for target in targets if target.folder is None]
    if file is not None and not outside:
        raise KnownError(
            f"{file} is for no implementation of this run",
            cause="all of them are in impls/, which has its own lists",
            hint=f"put the entries into the {FILE} beside the implementation, or name an implementation outside",
        )
    if file is not None and not file.is_file():
        raise KnownError(f"there is no file {file}", hint="name a list of known failures (docs/known-failures.md)")
    return {target.name: _entries(target, file, outside) for target in targets}


@known_app.command(name="prune")
def prune_known(target: str, *, known: pathlib.Path | None = None) -> int:
    """Judge an implementation where it has known failures, and take out of the list what is green by now.

    The list can only excuse less: an entry that is green or that is never seen goes, and a pattern that is green
    in part gives way to entries for the cases that still fail. What has expired or fails otherwise stays as it is.

    Parameters
    ----------
    target
        As for `parity check`.
    known
        The list, if the implementation is not in impls/.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    found = find_target(target, project.impls)
    entries = known_failures([found], known)[found.name]
    path = found.folder / FILE if found.folder is not None else known
    if path is None or not entries:
        raise KnownError(f"there are no known failures of {target}", hint="name the list with --known")
    pinned = {pin.name for pin in read_pins(project.corpora)}
    listed = sorted({entry.tokenizer for entry in entries} & pinned)
    options = Options(known={found.name: entries}, today=datetime.date.today(), tokenizers=pinned)
    with TemporaryDirectory(prefix="tokparity-") as scratch, waiting(console) as announce:
        against = suites(project, listed, (), pathlib.Path(scratch), announce)
        announce("")
        events = list(terminal.watch(check([found], against, options), console))
    last = events[-1]
    assert isinstance(last, RunFinished)
    if last.not_run:
        raise KnownError(
            f"{path} is left as it is", cause="not everything was judged", hint="mend what did not run, and prune again"
        )
    left = _left(of_target(entries, found.name), [event for event in events if isinstance(event, KnownRed)])
    names = ", ".join(_names(found))
    for entry in [entry for entry in left if not entry.target and names != found.name]:
        console.print(f"{entry.what} is left: it is for all of {names}; give it a target", markup=False)
        del left[entry]
    pruned = prune(path, entries, left) if left else 0
    console.print(f"{path}: {pruned} of {len(entries)} entries pruned", markup=False, highlight=False, soft_wrap=True)
    return 0


def _names(target: Target) -> list[str]:
    return names_in(target.folder) if target.folder is not None else [target.name]


def _entries(target: Target, file: pathlib.Path | None, outside: Sequence[str]) -> tuple[Entry, ...]:
    if target.folder is not None:
        return read_known(target.folder / FILE, _names(target))
    return read_known(file, outside) if file is not None else ()


def _left(entries: Sequence[Entry], found: Sequence[KnownRed]) -> dict[Entry, tuple[str, ...]]:
    """The entries that are green, in part or as a whole, with the cases of each that still fail."""
    left = {}
    for entry in entries:
        for event in found:
            same = (event.tokenizer, event.what) == (entry.tokenizer, entry.what)
            if same and event.problem in (Problem.UNEXPECTED_PASS, Problem.UNSEEN):
                left[entry] = event.still
    return left
