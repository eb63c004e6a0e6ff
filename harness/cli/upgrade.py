"""What other versions, or another tokenizer, would change."""

from __future__ import annotations

import pathlib
from tempfile import TemporaryDirectory
from typing import Annotated

import cyclopts
import msgspec
from rich.console import Console

from harness.assets import chosen, read_pins, resolve
from harness.cli.app import Names, app, waiting
from harness.errors import UnknownTokenizer
from harness.golden import read_manifest
from harness.project import find_project
from harness.report import changes
from harness.swap import write_whole
from harness.tokenizer import check_folder


@app.command
def upgrade(
    *,
    to: Names = (),
    from_: Annotated[Names, cyclopts.Parameter(name="--from")] = (),
    to_tokenizer: pathlib.Path | None = None,
    tokenizer: Names = (),
    corpus: Names = (),
    load: str = "file",
    json: pathlib.Path | None = None,
) -> int:
    """Answer everything with the oracle before and after an upgrade, and explain the difference: 1 if there is one.

    What is made after the upgrade becomes pending, to be reviewed and accepted, unless --from, --corpus or --load
    say that it is another question than the goldens'.

    Parameters
    ----------
    to
        A package of the upgrade, as `tokenizers==0.23.3`. May be given several times, as may the next three.
    from_
        A package of before; those that the accepted goldens were made with if it isn't given, or that are installed.
    tokenizer
        Only this pinned tokenizer, or `all`. The default set if none is given.
    corpus
        Only this corpus.
    to_tokenizer
        The folder of a tokenizer that takes the place of the one that --tokenizer names.
    load
        How tokenizers are loaded: `file` as the oracle does, `tokenizers` by that library alone, `auto` by
        AutoTokenizer, or by AutoTokenizer as if this class were declared, such as `LlamaTokenizer`.
    json
        Write the groups to this file.
    """
    from harness.regen import provenance
    from harness.review import Pending
    from harness.upgrade.groups import Grouping
    from harness.upgrade.pair import Maker, compare, with_versions
    from harness.upgrade.worker import Job

    project, console = find_project(pathlib.Path.cwd()), Console()
    names = chosen(tokenizer, read_pins(project.corpora))
    if to_tokenizer is not None:
        check_folder(to_tokenizer)
        if len(names) != 1:
            raise UnknownTokenizer("one tokenizer takes the place of one", hint="name that one with --tokenizer")
    pending, grouping = Pending(project.goldens), Grouping()
    pending.folder.mkdir(parents=True, exist_ok=True)
    is_proposal = not from_ and not corpus and load == "file"
    with TemporaryDirectory(prefix=".new-", dir=pending.folder) as scratch, waiting(console) as announce:
        compared = []
        for name in names:
            folder = resolve(name, project.corpora, announce)
            goldens = project.goldens / name
            made_with = read_manifest(goldens).provenance if goldens.exists() else provenance(folder)
            base = [f"tokenizers=={made_with.tokenizers}"]
            if load != "tokenizers":
                base.append(f"transformers=={made_with.transformers}")
            before = with_versions(base, from_)
            after = with_versions(before, to)
            sides = Maker(before, folder), Maker(after, to_tokenizer.resolve() if to_tokenizer else folder)
            job = Job(name, "", str(project.corpora.resolve()), "", "", load, tuple(corpus))
            compared.append(compare(name, sides, job, pathlib.Path(scratch), grouping, announce))
        announce("")
        groups = grouping.groups()
        for side in compared:
            if side.made is not None and is_proposal:
                pending.propose(side.made, side.settings, groups)
    changes.show_settings({side.tokenizer: side.settings for side in compared}, console)
    changes.show_groups(groups, console)
    if json is not None:
        write_whole(json, msgspec.json.format(msgspec.json.encode(groups), indent=1) + b"\n")
    if groups and is_proposal:
        console.print("now pending: `parity review`, then `parity accept` or `parity reject`", highlight=False)
    return 1 if groups else 0
