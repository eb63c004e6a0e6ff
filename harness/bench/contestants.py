"""Detokenizers in this process, each fed in the form that costs it least."""

from __future__ import annotations

import pathlib
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, cast

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from harness.bench.rounds import Run
from harness.errors import ParityError
from harness.model import DetokenizeRequest
from harness.oracle import ReferenceDetokenizer
from harness.project import Project
from harness.targets import find_target, load_factory
from harness.tokenizer import Codec

Batches: TypeAlias = Sequence[Sequence[DetokenizeRequest]]
Contestant: TypeAlias = Callable[[Batches], Run]
"""Takes in batches whose streams all end, and gives what feeds them once more each time."""
Columns: TypeAlias = "tuple[array[int], array[int], bytes]"


class Columnar(Protocol):
    """A backend that takes a batch as columns, too."""

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> Sequence[str]:
        """Feed a batch of tokens: one chunk of new text a request."""
        ...

    def detokenize_columns(self, uids: array[int], tokens: array[int], finished: bytes) -> Sequence[str]:
        """The same, as columns of equal length."""
        ...


def rust(project: Project, folder: pathlib.Path) -> Columnar:
    """The Rust detokenizer. Raises `ParityError` if it isn't built."""
    target = find_target("rust", project.impls)
    if target.lacking:
        raise ParityError("rust can't be measured", cause=target.lacking, hint="build it first")
    return cast(Columnar, load_factory(target.spec)(folder))


def oracle(codec: Codec) -> Contestant:
    """The reference's behaviour, in Python, over transformers."""
    return objects(ReferenceDetokenizer(codec).detokenize)


def objects(detokenize: Callable[[Sequence[DetokenizeRequest]], object]) -> Contestant:
    """What takes a batch as a list of requests."""

    def prepare(batches: Batches) -> Run:
        def run() -> None:
            for batch in batches:
                detokenize(batch)

        return run

    return prepare


def columns(backend: Columnar) -> Contestant:
    """What takes a batch as columns."""

    def prepare(batches: Batches) -> Run:
        made = [as_columns(batch) for batch in batches]

        def run() -> None:
            for uids, tokens, finished in made:
                backend.detokenize_columns(uids, tokens, finished)

        return run

    return prepare


def as_columns(batch: Sequence[DetokenizeRequest]) -> Columns:
    """A batch as uids of 64 bits, tokens of 32 and flags of 8."""
    uids = array("q", [request.uid for request in batch])
    tokens = array("i", [request.next_token for request in batch])
    return uids, tokens, bytes([request.finished for request in batch])


def decode_stream(folder: pathlib.Path) -> Contestant:
    """`DecodeStream` of tokenizers, one a uid, fed one token at a time: it has no call for a batch."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def prepare(batches: Batches) -> Run:
        plain = [[(request.uid, request.next_token, request.finished) for request in batch] for batch in batches]

        def run() -> None:
            streams: dict[int, Any] = {}
            for batch in plain:
                chunks: list[str | None] = []
                for uid, token, finished in batch:
                    stream = streams.get(uid)
                    if stream is None:
                        stream = streams[uid] = DecodeStream(skip_special_tokens=False)
                    chunks.append(stream.step(tokenizer, token))
                    if finished:
                        del streams[uid]

        return run

    return prepare


def can_stream(folder: pathlib.Path, streams: Sequence[Sequence[int]]) -> list[bool]:
    """Of each stream, whether `DecodeStream` takes it: on some it raises "Invalid prefix"."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def takes(tokens: Sequence[int]) -> bool:
        stream = DecodeStream(skip_special_tokens=False)
        try:
            for token in tokens:
                stream.step(tokenizer, token)
        except Exception:
            return False
        return True

    return [takes(tokens) for tokens in streams]
