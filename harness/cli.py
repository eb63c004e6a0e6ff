"""The command `parity`: wiring only."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Annotated

import cyclopts
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.assets import folder_hash, read_pins, resolve
from harness.errors import GoldenError, ParityError
from harness.events import Event, RunFinished
from harness.golden import Manifest, read_manifest, verify
from harness.packages import Announce
from harness.project import Project, find_project
from harness.report import jsonlines, junit, terminal
from harness.run import Options, Suite, check
from harness.targets import every_target, find_target, known_targets
from harness.tokenizer import check_folder, load_vocabulary

app = cyclopts.App(
    name="parity",
    help="Parity and conformance of LLM tokenizers and streaming detokenizers.",
    result_action="return_value",
)
Names = Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=False)]


@app.command(name="list")
def list_all() -> int:
    """Show the implementations, tokenizers and corpora that there are."""
    from harness.regen import read_sources

    project, console = find_project(pathlib.Path.cwd()), Console()
    for title, rows in (
        ("implementations", known_targets(project.impls)),
        ("tokenizers", {pin.name: pin.family for pin in read_pins(project.corpora)}),
        (
            "corpora",
            {source.name: source.why for source in read_sources(project.corpora)},
        ),
    ):
        table = Table(title, "what it is", show_edge=False)
        for name, what in rows.items():
            table.add_row(name, what)
        console.print(table, "")
    return 0


@app.command
def fetch(*tokenizers: str) -> int:
    """Fetch pinned tokenizers, all of them if none is named, and print their folders.

    Parameters
    ----------
    tokenizers
        Names of pinned tokenizers.
    """
    project = find_project(pathlib.Path.cwd())
    names = tokenizers or tuple(pin.name for pin in read_pins(project.corpora))
    with _waiting(Console(stderr=True)) as announce:
        folders = [resolve(name, project.corpora, announce) for name in names]
    print(*folders, sep="\n")
    return 0


@app.command(name="check")
def check_targets(
    *targets: str,
    tokenizer: Names = (),
    corpus: Names = (),
    json: pathlib.Path | None = None,
    junit_file: Annotated[pathlib.Path | None, cyclopts.Parameter(name="--junit")] = None,
    in_process: bool = False,
    start_timeout: float = 60.0,
    batch_timeout: float = 30.0,
    max_red: int = 1_000_000,
    jobs: int = 2,
) -> int:
    """Judge implementations against the goldens: 0 green, 1 red, 2 if it can't be judged.

    Parameters
    ----------
    targets
        Short names of what is in impls/, `module:factory`, `file.py:factory` or entry points.
        All of impls/ that is built, if none is given.
    tokenizer
        A pinned tokenizer (all of them if none is given), or a folder, for which goldens are made on the fly.
    corpus
        Only this corpus. May be given several times, as may --tokenizer.
    json
        Write the events to this file, one a line.
    junit_file
        Write a JUnit file.
    in_process
        Call the implementations in this process, not in one of their own.
    start_timeout
        Seconds that an implementation has to start.
    batch_timeout
        Seconds that it has for a batch.
    max_red
        Give an implementation up, for a tokenizer, after so many red cases.
    jobs
        Implementations that are judged side by side.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    found = [find_target(name, project.impls) for name in dict.fromkeys(targets)] or every_target(project.impls)
    if not found:
        raise ParityError("there is no implementation", hint="name one: `module:factory` or `file.py:factory`")
    options = Options(in_process, start_timeout, batch_timeout, most_red=max_red, jobs=jobs)
    with TemporaryDirectory(prefix="tokparity-") as scratch, _waiting(console) as announce:
        suites = _suites(project, tokenizer, corpus, pathlib.Path(scratch), announce)
        announce("")
        events: list[Event] = []
        stream: Iterator[Event] = check(found, suites, options)
        if json is not None:
            stream = jsonlines.record(stream, json)
        for event in terminal.watch(stream, console):
            events.append(event)
    if junit_file is not None:
        junit.write(events, junit_file)
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last.exit_code


@app.command
def regen(*, check: bool = False, tokenizer: Names = ()) -> int:
    """Make the goldens of the pinned tokenizers anew with the oracle, and swap them in.

    Parameters
    ----------
    check
        Compare only: red if an accepted golden isn't what is made today.
    tokenizer
        Only this pinned tokenizer.
    """
    from harness.regen import Maker, differences, read_sources, regenerate

    project, console = find_project(pathlib.Path.cwd()), Console()
    names = tokenizer or tuple(pin.name for pin in read_pins(project.corpora))
    red = False
    with _waiting(console) as announce:
        for name in names:
            folder = resolve(name, project.corpora, announce)
            if not check:
                made = regenerate(name, folder, project.corpora, project.goldens, announce)
                console.print(f"{name}: {_size(made)}", highlight=False)
                continue
            accepted = read_manifest(project.goldens / name)
            for entry in accepted.goldens:
                verify(project.goldens / name, entry)
            with TemporaryDirectory(prefix="tokparity-") as scratch:
                maker = Maker(name, folder, project.corpora)
                made = maker.make(read_sources(project.corpora), pathlib.Path(scratch), announce)
            found = differences(accepted, made)
            red = red or bool(found)
            console.print(f"{name}: {'; '.join(found) if found else 'the same'}, {_size(made)}", highlight=False)
    return 1 if red else 0


@app.command
def report(file: pathlib.Path) -> int:
    """Show a run that was recorded with --json."""
    summary = terminal.Summary()
    for event in jsonlines.read(file):
        summary.add(event)
    terminal.show(summary, Console())
    return 0


@app.command
def bench() -> int:
    """Time the harness itself, as ratios in one run."""
    from harness.bench import run

    return run(find_project(pathlib.Path.cwd()), Console())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    try:
        code = app(argv, exit_on_error=False, print_error=True)
    except cyclopts.CycloptsError:
        code = 2
    except ParityError as error:
        Console(stderr=True).print(Text(str(error)), soft_wrap=True)
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _suites(
    project: Project, names: Sequence[str], corpora: Sequence[str], scratch: pathlib.Path, announce: Announce
) -> list[Suite]:
    chosen = names or tuple(pin.name for pin in read_pins(project.corpora))
    return [_suite(project, name, corpora, scratch, announce) for name in dict.fromkeys(chosen)]


def _suite(project: Project, name: str, corpora: Sequence[str], scratch: pathlib.Path, announce: Announce) -> Suite:
    from harness.regen import Maker, read_sources

    sources = read_sources(project.corpora, corpora)
    pinned = {pin.name for pin in read_pins(project.corpora)}
    if name not in pinned and (os.sep in name or pathlib.Path(name).is_dir()):
        folder, goldens = pathlib.Path(name).resolve(), scratch / pathlib.Path(name).resolve().name
        check_folder(folder)
        goldens.mkdir()
        manifest = Maker(folder.name, folder, project.corpora).make(sources, goldens, announce)
    else:
        folder, goldens = resolve(name, project.corpora, announce), project.goldens / name
        manifest = read_manifest(goldens)
        _check_provenance(manifest, folder, {source.name: source.sha256 for source in sources})
    wanted = {source.name for source in sources}
    entries = tuple(entry for entry in manifest.goldens if entry.corpus in wanted)
    for entry in entries:
        verify(goldens, entry)
    return Suite(manifest.tokenizer, folder, goldens, entries, load_vocabulary(folder))


def _check_provenance(manifest: Manifest, folder: pathlib.Path, corpora: dict[str, str]) -> None:
    """Raise `GoldenError` if goldens were made of other files or with other versions than are here."""
    import importlib.metadata

    from harness.oracle import VERSION

    made = manifest.provenance
    stale = [
        f"{entry.corpus}: the corpus has changed"
        for entry in manifest.goldens
        if entry.corpus in corpora and entry.corpus_sha256 != corpora[entry.corpus]
    ]
    for what, then, now in (
        ("the tokenizer's files", made.tokenizer_sha256, folder_hash(folder)),
        ("the oracle", made.oracle, VERSION),
        ("tokenizers", made.tokenizers, importlib.metadata.version("tokenizers")),
    ):
        if then != now:
            stale.append(f"{what}: {then} then, {now} now")
    if stale:
        raise GoldenError(
            f"stale golden: those of {manifest.tokenizer} were not made of what is here",
            cause="; ".join(dict.fromkeys(stale)),
            hint="install the versions they were made with, or make them anew with `parity regen` and look at the diff",
        )


def _size(manifest: Manifest) -> str:
    return f"{len(manifest.goldens)} goldens, {sum(entry.messages for entry in manifest.goldens)} messages"


@contextmanager
def _waiting(console: Console) -> Iterator[Announce]:
    """Something to look at while files are fetched and goldens are made; lines without a terminal."""
    if not console.is_terminal:
        yield lambda what: console.print(what, highlight=False) if what else None
        return
    with console.status("starting") as status:
        yield lambda what: status.update(what) if what else status.stop()


if __name__ == "__main__":
    main()
