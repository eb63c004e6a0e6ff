"""The search for what is wrong."""

from __future__ import annotations

import os
import pathlib
from typing import Literal

from rich.console import Console

from harness.assets import chosen, read_pins, resolve
from harness.campaign import Plan, read_budget, search
from harness.cli.app import Names, app, waiting
from harness.errors import ParityError
from harness.fuzz import read_setting
from harness.packages import Announce, cache_folder
from harness.project import Project, find_project
from harness.report.finds import watch
from harness.targets import find_target
from harness.tokenizer import check_folder


@app.command
def fuzz(
    *targets: str,
    tokenizer: Names = (),
    profile: Literal["reference", "laws"] = "reference",
    budget: str = "3000",
    seed: int = 0,
    resume: bool = False,
    export: pathlib.Path | None = None,
    finds: pathlib.Path | None = None,
    forget: bool = False,
    in_process: bool = False,
) -> int:
    """Search implementations for what is wrong, and show the smallest script of each class: 0 nothing found, 1 found.

    Parameters
    ----------
    targets
        Short names, `module:factory`, `file.py:factory` or entry points.
    tokenizer
        A pinned tokenizer (all of them if none is given), or a folder. May be given several times.
    profile
        What to judge by: what the reference answers, or the laws alone.
    budget
        For each target on each tokenizer: a time such as 90s, 10m or 2h, or a number of scripts.
    seed
        Another seed is another search; the same one is the same search.
    resume
        Go on where the last search with this seed ended.
    export
        Write each find into this folder, as a test that stands alone.
    finds
        The folder in which finds are kept, to be asked first the next time; the user's cache folder if not given.
    forget
        Neither ask what was kept nor keep what is found.
    in_process
        Call the implementations in this process, not in one of their own: faster, but a crash or a hang ends it.
    """
    if not targets:
        raise ParityError(
            "no implementation was named", hint="name one: a short name, module:factory or file.py:factory"
        )
    project, console = find_project(pathlib.Path.cwd()), Console()
    found = [find_target(name, project.impls) for name in dict.fromkeys(targets)]
    kept = None if forget else finds or cache_folder() / "finds"
    plan = Plan(profile, seed, read_budget(budget), kept, export, in_process, resume)
    with waiting(Console(stderr=True)) as announce:
        folders = {name: _folder(project, name, announce) for name in chosen(tokenizer, read_pins(project.corpora))}
    settings = (read_setting(name, folder, project.corpora) for name, folder in folders.items())
    return 1 if watch(search(found, settings, plan), console) else 0


@app.command
def laws(*targets: str, tokenizer: Names = (), budget: str = "3000", seed: int = 0, in_process: bool = False) -> int:
    """Judge implementations by the laws alone, the oracle, too (`parity laws reference`).

    Parameters
    ----------
    targets
        As for `fuzz`.
    tokenizer
        As for `fuzz`.
    budget
        As for `fuzz`.
    seed
        As for `fuzz`.
    in_process
        As for `fuzz`.
    """
    return fuzz(
        *targets,
        tokenizer=tokenizer,
        profile="laws",
        budget=budget,
        seed=seed,
        forget=True,
        in_process=in_process,
    )


def _folder(project: Project, name: str, announce: Announce) -> pathlib.Path:
    """The folder of a pinned tokenizer, or the one named."""
    pinned = {pin.name for pin in read_pins(project.corpora)}
    if name not in pinned and (os.sep in name or pathlib.Path(name).is_dir()):
        folder = pathlib.Path(name).resolve()
        check_folder(folder)
        return folder
    return resolve(name, project.corpora, announce)
