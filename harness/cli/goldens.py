"""Goldens: making them."""

from __future__ import annotations

import pathlib
from tempfile import TemporaryDirectory

from rich.console import Console

from harness.assets import chosen, read_pins, resolve
from harness.cli.app import Names, app, waiting
from harness.golden import Manifest, read_manifest, verify
from harness.project import find_project


@app.command
def regen(*, check: bool = False, tokenizer: Names = ()) -> int:
    """Make the goldens of the pinned tokenizers anew with the oracle, and swap them in.

    Parameters
    ----------
    check
        Compare only: red if an accepted golden isn't what is made today.
    tokenizer
        Only this pinned tokenizer, or `all`. The default set if none is given.
    """
    from harness.regen import Maker, differences, read_sources, regenerate

    project, console = find_project(pathlib.Path.cwd()), Console()
    names = chosen(tokenizer, read_pins(project.corpora))
    red = False
    with waiting(console) as announce:
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


def _size(manifest: Manifest) -> str:
    return f"{len(manifest.goldens)} goldens, {sum(entry.messages for entry in manifest.goldens)} messages"
