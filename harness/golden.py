"""The Parquet store of goldens and their manifests; the only module that imports pyarrow.

goldens/<tokenizer>/ holds <corpus>.detokenize.parquet and <corpus>.tokenize.parquet and a manifest.json with the
provenance, and the hashes that make any changed byte noticed. A row is a message; a case never straddles two row
groups, so that a golden is judged row group by row group, in memory that does not grow with it.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import GoldenError
from harness.model import MOST_TEXT, Program, Prompts, TokenizeRequest

SCHEMA = 1
Operation = Literal["detokenize", "tokenize"]
OPERATIONS: tuple[Operation, ...] = ("detokenize", "tokenize")
MANIFEST = "manifest.json"

_ROW_GROUP = 16_384
_ROW_GROUP_BYTES = 2**22
_DETOKENIZE = pa.schema(
    [
        pa.field("case", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("batch", pa.int32(), nullable=False),
        pa.field("uid", pa.int64(), nullable=False),
        pa.field("token", pa.int64(), nullable=False),
        pa.field("event", pa.int8(), nullable=False),
        pa.field("chunk", pa.string()),
    ]
)
_TOKENIZE = pa.schema(
    [
        pa.field("case", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("batch", pa.int32(), nullable=False),
        pa.field("uid", pa.int64(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("messages", pa.string()),
        pa.field("ids", pa.list_(pa.int32()), nullable=False),
    ]
)


class Column:
    """The expected answers of one case, as a column: compared without making a Python object each."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def matches(self, got: Sequence[object]) -> bool:
        """Whether the answers are these, one for one."""
        try:
            return bool(self._array.equals(pa.array(got, type=self._array.type)))
        except (pa.ArrowException, TypeError, UnicodeError, OverflowError):
            return False

    def values(self) -> list[Any]:
        """The answers as Python values."""
        values: list[Any] = self._array.to_pylist()
        return values


@dataclass(frozen=True, slots=True)
class DetokenizeCase:
    """A program and the chunks that the reference answered, one for each row that isn't an abort."""

    program: Program
    expected: Column


@dataclass(frozen=True, slots=True)
class TokenizeCase:
    """Prompts and the ids that the reference answered."""

    prompts: Prompts
    expected: Column


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tokenizer's goldens were made with. `unicode` is recorded only: it is Python's own data."""

    tokenizer_sha256: str
    oracle: str
    tokenizers: str
    transformers: str
    unicode: str


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One golden: what it was made of, its size, and the hashes of its file and of its content."""

    corpus: str
    corpus_sha256: str
    operation: Operation
    file: str
    sha256: str
    content: str
    cases: int
    messages: int
    aborts: bool


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The goldens of one tokenizer. `digest` is the SHA-256 of all the rest.

    `scale` is how many copies of each corpus there are, and left out if there is one.
    """

    schema: int
    tokenizer: str
    provenance: Provenance
    goldens: tuple[Entry, ...]
    digest: str = ""
    scale: int | msgspec.UnsetType = msgspec.UNSET


def write_detokenize(path: pathlib.Path, cases: Iterable[tuple[Program, list[str | None]]]) -> tuple[str, int, int]:
    """Write programs and their answers. Gives the hash of the content, the cases and the messages."""

    def columns(program: Program, chunks: list[str | None]) -> dict[str, Sequence[Any]]:
        text = sum(len(chunk) for chunk in chunks if chunk is not None)
        if text > MOST_TEXT:
            raise ValueError(f"{program.id} has {text} characters of chunks, more than {MOST_TEXT}")
        return {
            "case": [program.id] * len(program.uids),
            "batch": list(chain.from_iterable([at] * n for at, n in enumerate(program.batches))),
            "uid": program.uids,
            "token": program.tokens,
            "event": program.events,
            "chunk": chunks,
        }

    return _write(path, _DETOKENIZE, ((program.id, columns(program, chunks)) for program, chunks in cases))


def write_tokenize(path: pathlib.Path, cases: Iterable[tuple[Prompts, list[list[int]]]]) -> tuple[str, int, int]:
    """Write prompts and their ids. Gives the hash of the content, the cases and the messages."""

    def columns(prompts: Prompts, ids: list[list[int]]) -> dict[str, Sequence[Any]]:
        requests = [request for batch in prompts.batches for request in batch]
        texts = [r.prompt if isinstance(r.prompt, str) else None for r in requests]
        return {
            "case": [prompts.id] * len(requests),
            "batch": list(chain.from_iterable([at] * len(b) for at, b in enumerate(prompts.batches))),
            "uid": [request.uid for request in requests],
            "text": texts,
            "messages": [
                None if isinstance(r.prompt, str) else json.dumps(list(r.prompt), ensure_ascii=False) for r in requests
            ],
            "ids": ids,
        }

    return _write(path, _TOKENIZE, ((prompts.id, columns(prompts, ids)) for prompts, ids in cases))


def count_groups(path: pathlib.Path) -> int:
    """How many row groups a golden has. Raises `GoldenError`."""
    try:
        with pq.ParquetFile(path) as file:
            return int(file.num_row_groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def read_cases(
    path: pathlib.Path, operation: Operation, group: int | None = None
) -> Iterator[DetokenizeCase | TokenizeCase]:
    """The cases of a golden, or of one row group of it; one row group in memory at a time. Raises `GoldenError`."""
    return read_detokenize(path, group) if operation == "detokenize" else read_tokenize(path, group)


def read_detokenize(path: pathlib.Path, group: int | None = None) -> Iterator[DetokenizeCase]:
    """The cases of a detokenize golden; see `read_cases`."""
    for rows_of_group in _row_groups(path, _DETOKENIZE, group):
        for case, rows in _cases(rows_of_group):
            program = Program(
                id=case,
                uids=_integers(rows.column("uid").chunk(0), "q"),
                tokens=_integers(rows.column("token").chunk(0), "q"),
                events=_integers(rows.column("event").chunk(0), "b"),
                batches=_run_lengths(rows.column("batch").chunk(0)),
            )
            chunks = rows.column("chunk")
            if chunks.null_count:
                chunks = chunks.drop_null()
            yield DetokenizeCase(program, Column(chunks.combine_chunks()))


def read_tokenize(path: pathlib.Path, group: int | None = None) -> Iterator[TokenizeCase]:
    """The cases of a tokenize golden; see `read_cases`."""
    for rows_of_group in _row_groups(path, _TOKENIZE, group):
        for case, rows in _cases(rows_of_group):
            texts, messages = rows.column("text").to_pylist(), rows.column("messages").to_pylist()
            prompts = [
                text if text is not None else json.loads(turns) for text, turns in zip(texts, messages, strict=True)
            ]
            requests = [
                TokenizeRequest(*pair)
                for pair in zip(_integers(rows.column("uid").chunk(0), "q"), prompts, strict=True)
            ]
            ends = list(accumulate(_run_lengths(rows.column("batch").chunk(0))))
            batches = tuple(tuple(requests[start:end]) for start, end in zip([0, *ends], ends, strict=False))
            yield TokenizeCase(Prompts(case, batches), Column(rows.column("ids").combine_chunks()))


def write_manifest(folder: pathlib.Path, manifest: Manifest) -> None:
    """Write a manifest with its digest."""
    (folder / MANIFEST).write_bytes(_seal(manifest))


def read_manifest(folder: pathlib.Path) -> Manifest:
    """The manifest of a folder of goldens. Raises `GoldenError` if it or any golden isn't what was written."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise GoldenError(
            f"there are no goldens in {folder}", cause=f"{MANIFEST} is missing", hint="run `parity regen`"
        ) from error
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    if _seal(manifest) != data:
        raise _damaged(path, "its digest is not that of its content")
    if manifest.schema != SCHEMA:
        raise GoldenError(
            f"{path} has schema {manifest.schema}, this version reads {SCHEMA}", hint="run `parity regen`"
        )
    present = {item.name for item in folder.iterdir()} - {MANIFEST}
    listed = {entry.file for entry in manifest.goldens}
    for name in sorted(present ^ listed):
        cause = "it is not in the manifest" if name in present else "it is in the manifest and missing"
        raise _damaged(folder / name, cause)
    return manifest


def verify(folder: pathlib.Path, entry: Entry) -> pathlib.Path:
    """The path of a golden whose file is what the manifest says. Raises `GoldenError` otherwise."""
    path = folder / entry.file
    try:
        found = file_sha256(path)
    except OSError as error:
        raise _damaged(path, str(error)) from error
    if found != entry.sha256:
        raise _damaged(path, "its SHA-256 is not the manifest's")
    return path


def file_sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: pathlib.Path, cause: str) -> GoldenError:
    return GoldenError(
        f"{path} is damaged",
        cause=cause,
        hint="restore it from git (`git checkout goldens`), or make the goldens anew with `parity regen`",
    )


def _seal(manifest: Manifest) -> bytes:
    bare = msgspec.json.encode(msgspec.structs.replace(manifest, digest=""))
    sealed = msgspec.structs.replace(manifest, digest=hashlib.sha256(bare).hexdigest())
    return msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n"


def _write(
    path: pathlib.Path, schema: Any, cases: Iterable[tuple[str, dict[str, Sequence[Any]]]]
) -> tuple[str, int, int]:
    content = hashlib.sha256()
    counts = [0, 0]
    plain = pa.schema([field if field.name != "case" else field.with_type(pa.string()) for field in schema])
    with pq.ParquetWriter(
        path, plain, compression="zstd", compression_level=12, use_dictionary=["case", "event"]
    ) as writer:
        pending: list[Any] = []
        rows = size = 0
        for case, columns in cases:
            table = pa.table([columns[name] for name in plain.names], schema=plain)
            content.update(repr((case, columns)).encode("utf-8", "surrogatepass"))
            counts[0] += 1
            counts[1] += table.num_rows
            rows, size = rows + table.num_rows, size + table.nbytes
            if pending and (rows > _ROW_GROUP or size > _ROW_GROUP_BYTES):
                writer.write_table(pa.concat_tables(pending), row_group_size=2**30)
                pending, rows, size = [], table.num_rows, table.nbytes
            pending.append(table)
        if pending:
            writer.write_table(pa.concat_tables(pending), row_group_size=2**30)
    return content.hexdigest(), counts[0], counts[1]


def _row_groups(path: pathlib.Path, schema: Any, group: int | None) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path, read_dictionary=["case"]) as file:
            for at in range(file.num_row_groups) if group is None else [group]:
                yield file.read_row_group(at, use_threads=False).cast(schema).combine_chunks()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _cases(group: Any) -> Iterator[tuple[str, Any]]:
    column = group.column("case").chunk(0)
    names = column.dictionary.to_pylist()
    start = 0
    for rows in _run_lengths(column.indices):
        yield names[column.indices[start].as_py()], group.slice(start, rows)
        start += rows


def _run_lengths(array: Any) -> list[int]:
    """How many times in a row each value stands in an array without nulls."""
    ends = _integers(pc.run_end_encode(array, run_end_type=pa.int64()).run_ends, "q")
    return list(map(int.__sub__, ends, [0, *ends[:-1]]))


def _integers(array: Any, code: Literal["q", "b"]) -> list[int]:
    """An array without nulls as a list, by way of its buffer: pyarrow's own way makes an object each first."""
    view = memoryview(array.buffers()[1]).cast(code)
    return view[array.offset : array.offset + len(array)].tolist()
