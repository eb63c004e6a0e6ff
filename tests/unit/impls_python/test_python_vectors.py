"""What the reference answered on real tokenizers, replayed."""

from __future__ import annotations

import gzip
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.model import DetokenizeRequest, TokenizeRequest
from impls.python import PythonBackend, factory

VECTORS = pathlib.Path(__file__).parents[2] / "vectors"
TokenizerDir = Callable[[str], pathlib.Path]


def recorded(name: str, capability: str) -> Iterator[dict[str, Any]]:
    """The lines of one file of recordings."""
    with gzip.open(VECTORS / f"{name}.{capability}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@pytest.fixture(scope="module", params=["qwen2.5", "llama2", "t5", "bert"])
def named(request: pytest.FixtureRequest, tokenizer_dir: TokenizerDir) -> tuple[str, PythonBackend]:
    """The name of a tokenizer and a backend for it."""
    return request.param, factory(tokenizer_dir(request.param))


def test_detokenize(named: tuple[str, PythonBackend]) -> None:
    name, backend = named
    count = 0
    for program in recorded(name, "detokenize"):
        backend.close()  # a fresh start for each program: some leave streams behind
        chunks = [backend.detokenize([DetokenizeRequest(*message) for message in step]) for step in program["steps"]]
        assert chunks == program["chunks"], program["id"]
        count += 1
    assert count == 400


def test_tokenize(named: tuple[str, PythonBackend]) -> None:
    name, backend = named
    requests = list(recorded(name, "tokenize"))
    answers = backend.tokenize([TokenizeRequest(i, r["prompt"]) for i, r in enumerate(requests)])
    assert len(answers) == 200
    for request, ids in zip(requests, answers, strict=True):
        assert ids == request["ids"], request["id"]
