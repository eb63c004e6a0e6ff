"""The ids that llama.cpp expects, asked of the oracle's encoding. Run by `nox -s vectors`, not with the tests."""

from __future__ import annotations

import pathlib
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from harness.packages import cache_folder
from harness.tokenizer import TransformersCodec
from tests.integration import sdists

PINS: dict[str, Any] = tomllib.loads(
    (pathlib.Path(__file__).parents[2] / "corpora" / "encode-vectors.toml").read_text(encoding="utf-8")
)
PAIRS = [(entry["name"], tokenizer) for entry in PINS["vocabulary"] for tokenizer in entry["tokenizers"]]
SEPARATOR = "\n__ggml_vocab_test__\n"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The texts under "inp", and the ids under each vocabulary's name."""
    paths = {f"{_path(entry['name'])}.out": entry["ids"] for entry in PINS["vocabulary"]}
    paths[f"{_path(PINS['vocabulary'][0]['name'])}.inp"] = PINS["texts"]
    found = sdists.fetch(f"{PINS['package']}=={PINS['version']}", PINS["sdist"], paths, cache_folder())
    named = {entry["name"]: found[f"{_path(entry['name'])}.out"] for entry in PINS["vocabulary"]}
    return {"inp": found[f"{_path(PINS['vocabulary'][0]['name'])}.inp"], **named}


@pytest.mark.parametrize(("vocabulary", "tokenizer"), PAIRS, ids=[f"{v}-{t}" for v, t in PAIRS])
def test_the_oracle_encodes_as_llama_cpp_does(
    vocabulary: str, tokenizer: str, files: dict[str, bytes], tokenizer_dir: Callable[[str], pathlib.Path]
) -> None:
    # What follows the last separator is empty: 46 texts and that one.
    texts = files["inp"].decode().split(SEPARATOR)
    expected = [[int(token) for token in line.split()] for line in files[vocabulary].decode().split("\n")]
    assert len(texts) == len(expected) == 47
    codec = TransformersCodec(tokenizer_dir(tokenizer))
    frame = codec.encode("")  # llama.cpp's vectors are without the special tokens that are added
    head, tail = frame[:1], frame[1:]
    wrong = [
        (text, codec.encode(text), ids)
        for text, ids in zip(texts, expected, strict=True)
        if codec.encode(text) != [*head, *ids, *tail]
    ]
    assert wrong == []


def _path(vocabulary: str) -> str:
    return f"{PINS['folder']}/ggml-vocab-{vocabulary}.gguf"
