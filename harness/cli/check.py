"""The gate, and reports of it."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import cyclopts
from rich.console import Console

from harness.assets import read_pins
from harness.cli.app import Names, app, waiting
from harness.cli.known import known_failures
from harness.cluster import RayEngine
from harness.engine import Engine, LocalEngine
from harness.errors import EngineError, ParityError, TargetError
from harness.events import BugJudged, Event, RunFinished
from harness.project import find_project
from harness.report import jsonlines, junit, terminal, zoo
from harness.run import Options, check
from harness.suites import suites
from harness.targets import Target, every_target, find_target


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
    case_timeout: float = 300.0,
    max_red: int = 1_000_000,
    jobs: int = 2,
    known: pathlib.Path | None = None,
    memory_limit: Annotated[int | None, cyclopts.Parameter(validator=cyclopts.validators.Number(gt=0))] = None,
    goldens: pathlib.Path | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    ray_workers: Annotated[int | None, cyclopts.Parameter(validator=cyclopts.validators.Number(gt=0))] = None,
) -> int:
    """Judge implementations against the goldens: 0 green, 1 red, 2 if it can't be judged.

    Parameters
    ----------
    targets
        Short names of what is in impls/, `module:factory`, `file.py:factory` or entry points.
        All of impls/ that is built, if none is given.
    tokenizer
        A pinned tokenizer, `all`, or a folder, for which goldens are made on the fly. The default set if none is given.
    corpus
        Only this corpus. May be given several times, as may --tokenizer.
    json
        Write the events to this file, one a line.
    junit_file
        Write a JUnit file.
    in_process
        Call the implementations in this process, not in one of their own. Not for those that are a worker process.
    start_timeout
        Seconds that an implementation has to start.
    batch_timeout
        Seconds that it has for a batch.
    case_timeout
        Seconds that it has for a program. If it leaves the golden before they are over, that is what is reported.
    max_red
        Give an implementation up, for a tokenizer, after so many red cases.
    jobs
        Implementations that are judged side by side.
    known
        A list of known failures, for implementations that are not in impls/.
    memory_limit
        Megabytes of memory (address space) that the process of an implementation gets. No limit, if it isn't given.
    goldens
        Judge against the goldens in this folder, made with `parity regen --into`; against the accepted ones if none
        is given.
    engine
        Judge here, or spread the cases over a Ray cluster: the verdicts and the reports are the same.
    ray_address
        The cluster, as Ray takes it (`auto`, `HOST:PORT`, `ray://HOST:PORT`). One is started here if none is named.
    ray_workers
        Workers in the cluster. One for each CPU, if it isn't given.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    found = [find_target(name, project.impls) for name in dict.fromkeys(targets)] or every_target(project.impls)
    if not found:
        raise ParityError("there is no implementation", hint="name one: `module:factory` or `file.py:factory`")
    if in_process:
        _check_in_process([target for target in found if target.asked], memory_limit)
    if engine != "ray" and (ray_address is not None or ray_workers is not None):
        raise EngineError("--ray-address and --ray-workers are for Ray", hint="add `--engine ray`")
    options = Options(
        in_process,
        start_timeout,
        batch_timeout,
        case_timeout,
        most_red=max_red,
        # One after the other: the workers share the cases of each.
        jobs=1 if engine == "ray" else jobs,
        known=known_failures(found, known),
        today=datetime.date.today(),
        tokenizers={pin.name for pin in read_pins(project.corpora)},
        memory_limit=memory_limit,
    )
    with TemporaryDirectory(prefix="tokparity-") as scratch, waiting(console) as announce, ExitStack() as stack:
        against = suites(project, tokenizer, corpus, pathlib.Path(scratch), announce, goldens)
        announce("")
        document, last = junit.Document(), None
        judges: Engine = LocalEngine()
        if engine == "ray":
            announce("starting workers")
            judges = stack.enter_context(RayEngine(ray_address, ray_workers))
            announce("")
        stream: Iterator[Event] = check(found, against, options, judges)
        if json is not None:
            stream = jsonlines.record(stream, json)
        # No event is kept: there may be any number of them.
        for last in terminal.watch(stream, console):
            document.add(last)
    if junit_file is not None:
        document.write(junit_file)
    assert isinstance(last, RunFinished)
    return last.exit_code


def _check_in_process(asked: Sequence[Target], memory_limit: int | None) -> None:
    """Raise `TargetError` for what can't be had in this process."""
    workers = [target.name for target in asked if target.command]
    if workers:
        raise TargetError(
            f"{', '.join(workers)} can't be called in this process",
            cause="it is the command of a worker process",
            hint="leave --in-process out",
        )
    if memory_limit is not None:
        raise TargetError(
            "the memory of this process is not limited",
            cause="--memory-limit is for implementations in processes of their own",
            hint="leave out --in-process or --memory-limit",
        )


@app.command
def report(file: pathlib.Path) -> int:
    """Show a run that was recorded with --json."""
    events = jsonlines.read(file)
    bugs = [event for event in events if isinstance(event, BugJudged)]
    if bugs:
        zoo.show(bugs, Console())
        return 0
    summary = terminal.Summary()
    for event in events:
        summary.add(event)
    terminal.show(summary, Console())
    return 0
