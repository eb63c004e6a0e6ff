"""The historical bugs, let loose on the harness."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from rich.console import Console

from harness.cli.app import app, waiting
from harness.events import Event, RunFinished
from harness.fuzz import Budget, read_setting
from harness.project import find_project
from harness.report import jsonlines
from harness.report.zoo import watch
from harness.suites import suites
from harness.targets import find_target, load_factory
from harness.zoo.catalogue import read_zoo
from harness.zoo.parade import parade
from harness.zoo.trial import Court, open_court


@app.command
def zoo(*names: str, json: pathlib.Path | None = None, scripts: int = 3000, seconds: float = 60.0) -> int:
    """Let historical bugs loose on the harness: 0 if each is caught by its check, 1 if not.

    Parameters
    ----------
    names
        Files of impls/zoo, without the ending. All of them, if none is given.
    json
        Write the events to this file, one a line.
    scripts
        So many scripts are drawn by the search for each bug.
    seconds
        So long is searched for each bug.
    """
    project, console = find_project(pathlib.Path.cwd()), Console()
    specimens = read_zoo(project.impls, names)
    control = load_factory(find_target("python", project.impls).spec)
    with TemporaryDirectory(prefix="tokparity-") as scratch, waiting(console) as announce:

        def court_of(tokenizer: str) -> Court:
            (suite,) = suites(project, [tokenizer], (), pathlib.Path(scratch), announce)
            return open_court(suite, read_setting(tokenizer, suite.folder, project.corpora), control)

        events: Iterator[Event] = parade(specimens, court_of, Budget(scripts, seconds))
        if json is not None:
            events = jsonlines.record(events, json)
        last = [*watch(events, console)][-1]
    assert isinstance(last, RunFinished)
    return last.exit_code
