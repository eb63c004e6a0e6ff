"""The goldens that a run judges against: chosen, whole, and made of what is here."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
from collections.abc import Sequence

from harness.assets import chosen, folder_hash, read_pins, resolve
from harness.engine import Suite
from harness.errors import GoldenError
from harness.golden import MANIFEST, Manifest, read_manifest, verify
from harness.packages import Announce
from harness.project import Project
from harness.review import Pending
from harness.tokenizer import check_folder


def suites(
    project: Project,
    names: Sequence[str],
    corpora: Sequence[str],
    scratch: pathlib.Path,
    announce: Announce,
    goldens: pathlib.Path | None = None,
) -> list[Suite]:
    """The suites of these tokenizers, the default set if none is named; goldens of a folder are made in `scratch`.

    In place of the accepted goldens those of the folder `goldens` are taken, of all tokenizers that it has if none is
    named. Raises `UnknownTokenizer`, `UnknownCorpus`, `AssetError` or `GoldenError`.
    """
    pins = read_pins(project.corpora)
    pinned = [pin.name for pin in pins]
    if goldens is not None:
        there = [name for name in pinned if (goldens / name / MANIFEST).is_file()]
        if not there:
            raise GoldenError(
                f"there are no goldens in {goldens}",
                cause=f"it has no folder of a pinned tokenizer with a {MANIFEST}",
                hint="make some with `parity regen --into`",
            )
        wanted = chosen(names or there, pins)
        for name in wanted:
            if name not in pinned:
                raise GoldenError(
                    f"{name} is a tokenizer's folder, and {goldens} has goldens of pinned tokenizers",
                    hint="leave one of --tokenizer and --goldens out",
                )
        return [_suite(project, name, corpora, scratch, announce, goldens) for name in wanted]
    wanted = chosen(names, pins)
    for name, problem in Pending(project.goldens).problems(pinned).items():
        if name in wanted or name not in pinned:
            raise GoldenError(
                problem,
                hint="go on with `parity review` and `parity accept`, or `parity reject`"
                if name in pinned
                else "pin its tokenizer in corpora/tokenizers.toml, or remove the folder",
            )
    return [_suite(project, name, corpora, scratch, announce, project.goldens) for name in wanted]


def _suite(
    project: Project,
    name: str,
    corpora: Sequence[str],
    scratch: pathlib.Path,
    announce: Announce,
    accepted: pathlib.Path,
) -> Suite:
    from harness.regen import Maker, read_sources

    sources = read_sources(project.corpora, corpora)
    pinned = {pin.name for pin in read_pins(project.corpora)}
    if name not in pinned and (os.sep in name or pathlib.Path(name).is_dir()):
        folder, goldens = pathlib.Path(name).resolve(), scratch / pathlib.Path(name).resolve().name
        check_folder(folder)
        goldens.mkdir()
        manifest = Maker(folder.name, folder, project.corpora).make(sources, goldens, announce)
    else:
        folder, goldens = resolve(name, project.corpora, announce), accepted / name
        manifest = read_manifest(goldens)
        _check_provenance(manifest, folder, {source.name: source.sha256 for source in sources})
    wanted = {source.name for source in sources}
    entries = tuple(entry for entry in manifest.goldens if entry.corpus in wanted)
    for entry in entries:
        verify(goldens, entry)
    whole = not corpora
    return Suite(manifest.tokenizer, folder, goldens, entries, whole)


def _check_provenance(manifest: Manifest, folder: pathlib.Path, corpora: dict[str, str]) -> None:
    """Raise `GoldenError` if goldens were made of other files or with other versions than are here."""
    from harness.oracle import VERSION

    made = manifest.provenance
    stale = [
        f"{entry.corpus}: the corpus has changed"
        for entry in manifest.goldens
        if entry.corpus in corpora and entry.corpus_sha256 != corpora[entry.corpus]
    ]
    versions = made.tokenizers, importlib.metadata.version("tokenizers")
    for what, then, now in (
        ("the tokenizer's files", made.tokenizer_sha256, folder_hash(folder)),
        ("the oracle", made.oracle, VERSION),
        ("tokenizers", *versions),
    ):
        if then != now:
            stale.append(f"{what}: {then} then, {now} now")
    if stale:
        go_back = f"`pip install tokenizers=={made.tokenizers} transformers=={made.transformers}`"
        raise GoldenError(
            f"stale golden: those of {manifest.tokenizer} were not made of what is here",
            cause="; ".join(dict.fromkeys(stale)),
            hint=f"go on with {go_back if len({*versions}) > 1 else 'the files'} that they were made with, or see what "
            "is new with `parity regen --pending` and `parity diff`, then `parity accept`",
        )
