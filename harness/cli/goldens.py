"""Goldens: making them, and reviewing what is pending."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Annotated

import cyclopts
from rich.console import Console
from rich.prompt import Prompt

from harness.assets import chosen, read_pins, resolve
from harness.cli.app import Names, app, waiting
from harness.errors import GoldenError
from harness.golden import Manifest, read_manifest, verify
from harness.packages import Announce
from harness.project import Project, find_project
from harness.regen import Maker, differences, read_sources, regenerate
from harness.report import changes
from harness.review import Pending, Review, every_group
from harness.upgrade.explain import explain
from harness.upgrade.groups import Group, Grouping
from harness.upgrade.sides import side_of_folder


@app.command
def regen(
    *,
    check: bool = False,
    pending: bool = False,
    tokenizer: Names = (),
    scale: Annotated[int, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=1))] = 1,
    into: pathlib.Path | None = None,
) -> int:
    """Make the goldens of the pinned tokenizers anew with the oracle, and swap them in.

    Parameters
    ----------
    check
        Compare only: red if an accepted golden isn't what is made today.
    pending
        Leave what differs pending, to be reviewed and accepted.
    tokenizer
        Only this pinned tokenizer, or `all`. The default set if none is given.
    scale
        Multiply the corpora: so many copies of each, no two of them alike. Needs --into.
    into
        Write into this folder, which `parity check --goldens` reads. The accepted goldens stay as they are.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    names = chosen(tokenizer, read_pins(project.corpora))
    if check and pending:
        raise GoldenError("--check leaves everything as it is, --pending does not", hint="choose one of them")
    goldens = _place(project, into, scaled=scale > 1, reviewed=check or pending)
    with waiting(console) as announce:
        if check:
            return _compare(project, names, console, announce)
        if pending:
            return _propose(project, names, console, announce)
        for name in names:
            folder = resolve(name, project.corpora, announce)
            made = regenerate(name, folder, project.corpora, goldens, announce, scale)
            console.print(f"{name}: {_size(made)}", highlight=False)
    return 0


@app.command
def diff(*groups: str) -> int:
    """List what pending goldens change, in groups.

    Parameters
    ----------
    groups
        Only these.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    reviews = Pending(project.goldens).reviews()
    for review in reviews:
        console.print(_state(review), markup=False, highlight=False, soft_wrap=True)
    changes.show_settings({review.tokenizer: review.settings for review in reviews}, console)
    changes.show_groups(_chosen(every_group(reviews), groups), console)
    return 0


@app.command
def review(*groups: str) -> int:
    """Show what pending goldens change, both sides beside each other; in a terminal, ask what to do with each group.

    Parameters
    ----------
    groups
        Only these; if none is given, all that are not accepted yet.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    pending = Pending(project.goldens)
    reviews = pending.reviews()
    still = {group.id for each in reviews for group in each.open}
    shown = _chosen(every_group(reviews), groups) if groups else [g for g in every_group(reviews) if g.id in still]
    for group in shown:
        changes.show_beside(group, console)
        if not (console.is_terminal and sys.stdin.isatty()):
            continue
        answer = Prompt.ask("accept, skip or quit", console=console, choices=["a", "s", "q"], default="s")
        if answer == "q":
            break
        if answer == "a":
            _show_accepted(pending.accept([group.id]), console)
    if not shown:
        console.print("nothing is left to review" if reviews else "nothing is pending")
    return 0


@app.command
def accept(*groups: str, tokenizer: Names = ()) -> int:
    """Accept groups of what pending goldens change, all of them if none is named.

    With the last group of a tokenizer its goldens are swapped in, and not before.

    Parameters
    ----------
    groups
        Ids that `parity diff` shows.
    tokenizer
        Only what is pending for this tokenizer.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    done = Pending(project.goldens).accept(groups, tokenizer)
    _show_accepted(done, console)
    if not done:
        console.print("nothing is pending")
    return 0


@app.command
def reject(*, tokenizer: Names = ()) -> int:
    """Throw pending goldens away; the accepted ones stay.

    Parameters
    ----------
    tokenizer
        Only what is pending for this tokenizer.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    names = Pending(project.goldens).reject(tokenizer)
    console.print(f"rejected: {', '.join(names)}" if names else "nothing is pending", highlight=False)
    return 0


def _place(project: Project, into: pathlib.Path | None, *, scaled: bool, reviewed: bool) -> pathlib.Path:
    """The folder that goldens are made in. Raises `GoldenError` if scaled ones could get among the accepted."""
    if scaled and into is None:
        raise GoldenError(
            "--scale needs --into",
            cause="scaled goldens are not to take the place of the accepted ones",
            hint="name a folder for them, and judge against it with `parity check --goldens`",
        )
    if into is None:
        return project.goldens
    if reviewed:
        raise GoldenError("--check and --pending are about the accepted goldens", hint="leave --into and --scale out")
    if into.resolve().is_relative_to(project.goldens.resolve()):
        raise GoldenError(
            f"{into} is where the accepted goldens are", hint="name another folder, or leave --into and --scale out"
        )
    return into


def _compare(project: Project, names: Sequence[str], console: Console, announce: Announce) -> int:
    """Compare the accepted goldens with what is made today, and look for what is half-accepted or unreferenced."""
    found = list(Pending(project.goldens).problems([pin.name for pin in read_pins(project.corpora)]).values())
    for problem in found:
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    for name in names:
        folder = resolve(name, project.corpora, announce)
        accepted = read_manifest(project.goldens / name)
        for entry in accepted.goldens:
            verify(project.goldens / name, entry)
        with TemporaryDirectory(prefix="tokparity-") as scratch:
            maker = Maker(name, folder, project.corpora)
            made = maker.make(read_sources(project.corpora), pathlib.Path(scratch), announce)
        different = differences(accepted, made)
        found += different
        console.print(f"{name}: {'; '.join(different) or 'the same'}, {_size(made)}", highlight=False)
    return 1 if found else 0


def _propose(project: Project, names: Sequence[str], console: Console, announce: Announce) -> int:
    """Make goldens anew, and leave those pending that are not what is accepted."""
    pending, grouping = Pending(project.goldens), Grouping()
    pending.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".new-", dir=pending.folder) as scratch:
        made: list[pathlib.Path] = []
        for name in names:
            folder, goldens = resolve(name, project.corpora, announce), pathlib.Path(scratch) / name
            goldens.mkdir()
            manifest = Maker(name, folder, project.corpora).make(read_sources(project.corpora), goldens, announce)
            accepted = project.goldens / name
            if accepted.exists() and read_manifest(accepted).digest == manifest.digest:
                pending.discard(name)
                console.print(f"{name}: the same, {_size(manifest)}", highlight=False)
                continue
            made.append(goldens)
            if accepted.exists():
                sides = side_of_folder(accepted, folder), side_of_folder(goldens, folder)
                explain(*sides, grouping)
        groups = grouping.groups()
        for goldens in made:
            console.print(_state(pending.propose(goldens, (), groups)), markup=False, highlight=False)
    changes.show_groups(groups, console)
    return 0


def _state(review: Review) -> str:
    """What is pending for a tokenizer, in a line."""
    what = f"{len(review.groups)} groups, {len(review.taken)} accepted" if review.groups else "no answer differs"
    before, after = review.before, review.after
    versions = [
        f"{name} {getattr(before, name) if before else 'none'} → {getattr(after, name)}"
        for name in ("tokenizers", "transformers", "oracle")
        if before is None or getattr(before, name) != getattr(after, name)
    ]
    return f"{review.tokenizer}: pending, {what}" + (f"; {', '.join(versions)}" if versions else "")


def _show_accepted(done: Sequence[tuple[Review, bool]], console: Console) -> None:
    for review, is_last in done:
        what = "accepted, swapped in" if is_last else f"{len(review.taken)} of {len(review.groups)} groups accepted"
        console.print(f"{review.tokenizer}: {what}", highlight=False)


def _chosen(groups: Sequence[Group], ids: Sequence[str]) -> list[Group]:
    for name in ids:
        if name not in {group.id for group in groups}:
            raise GoldenError(f"there is no group {name!r}", hint="`parity diff` lists the groups")
    return [group for group in groups if not ids or group.id in ids]


def _size(manifest: Manifest) -> str:
    return f"{len(manifest.goldens)} goldens, {sum(entry.messages for entry in manifest.goldens)} messages"
