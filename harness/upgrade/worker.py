"""Makes one side of an upgrade, in an environment that has its versions: run with a job as JSON."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
from typing import Any

import msgspec

from harness.errors import ParityError
from harness.regen import Maker, read_sources
from harness.tokenizer import LibraryCodec, TransformersCodec, load_vocabulary
from harness.upgrade.sides import PIPELINE, PROBES, STAGES, Probe, Staged, probe_texts


class Job(msgspec.Struct, frozen=True):
    """What is to be made: goldens into `goldens`, how they came about into `trace`; both are empty folders.

    `load` is how the tokenizer is loaded: `file` as it is, as the reference does; `tokenizers` by that library alone;
    `auto` by AutoTokenizer; the name of a class is `auto` for a folder that declares this class.
    """

    tokenizer: str
    folder: str
    corpora: str
    goldens: str
    trace: str
    load: str = "file"
    only: tuple[str, ...] = ()


def make(job: Job) -> None:
    """Make what the job says."""
    trace = pathlib.Path(job.trace)
    codec = _codec(job, trace)
    maker = Maker(job.tokenizer, pathlib.Path(job.folder), pathlib.Path(job.corpora), codec)
    sources = read_sources(pathlib.Path(job.corpora), job.only)
    maker.make(sources, pathlib.Path(job.goldens), lambda what: print(what, flush=True))
    (trace / PIPELINE).write_bytes(msgspec.json.encode(codec.pipeline))
    with (trace / STAGES).open("wb") as file:
        for prompt in maker.every_prompt():
            plain: Any = prompt if isinstance(prompt, str) else [dict(turn) for turn in prompt]
            file.write(msgspec.json.encode(Staged(plain, codec.stages(prompt))) + b"\n")
    print(f"{job.tokenizer}: every character", flush=True)
    with (trace / PROBES).open("wb") as file:
        for text in probe_texts():
            ids, stages = codec.probe(text)
            file.write(msgspec.json.encode(Probe(text, tuple(ids), stages.normalised, stages.splits)) + b"\n")


def _codec(job: Job, trace: pathlib.Path) -> TransformersCodec | LibraryCodec:
    folder = pathlib.Path(job.folder)
    if job.load == "tokenizers":
        return LibraryCodec(folder, load_vocabulary(folder).eos_id)
    if job.load == "file":
        return TransformersCodec(folder)
    if job.load != "auto":
        declared = trace / "declared"
        shutil.copytree(folder, declared)
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        config["tokenizer_class"] = job.load
        (declared / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        folder = declared
    return TransformersCodec(folder, auto=True)


def main() -> None:
    """Take the job from the command line; whatever goes wrong is one message on stderr."""
    try:
        make(msgspec.json.decode(sys.argv[1], type=Job))
    except ParityError as error:
        sys.exit(f"{error.message}: {error.cause}")
    except Exception as error:  # of a library of any version: it is the report's, not a traceback's
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
