from __future__ import annotations

import gzip
import json
import pathlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from harness.model import DetokenizeRequest
from harness.oracle import ReferenceDetokenizer, is_ideograph, printable
from harness.tokenizer import TransformersCodec

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"
NAMES = ("qwen2.5", "llama2", "t5", "bert")
EOS = {"qwen2.5": 151645, "llama2": 2}


@cache
def _codec(folder: pathlib.Path) -> TransformersCodec:
    return TransformersCodec(folder)


def _lines(name: str, operation: str) -> Iterator[Any]:
    with gzip.open(VECTORS / f"{name}.{operation}.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_programs_are_answered_to_the_character(
    name: str, tokenizer_dir: Callable[[str], pathlib.Path]
) -> None:
    codec = _codec(tokenizer_dir(name))
    count = 0
    for line in _lines(name, "detokenize"):
        oracle = ReferenceDetokenizer(codec)
        got = [oracle.detokenize([DetokenizeRequest(*message) for message in step]) for step in line["steps"]]
        assert got == line["chunks"], line["id"]
        count += 1
    assert count == 400


@pytest.mark.parametrize("name", NAMES)
def test_recorded_prompts_are_encoded_alike(name: str, tokenizer_dir: Callable[[str], pathlib.Path]) -> None:
    codec = _codec(tokenizer_dir(name))
    count = 0
    for line in _lines(name, "tokenize"):
        assert codec.encode(line["prompt"]) == line["ids"], line["id"]
        count += 1
    assert count == 200


@pytest.mark.parametrize(
    ("name", "tokens", "chunks"),
    [
        ("qwen2.5", [562, 61804, "eos"], ["ok", " ", ""]),
        ("qwen2.5", ["127369!"], [""]),
        ("qwen2.5", [114397, 160, 160, 64], ["關", "", "", "關���a"]),
        ("qwen2.5", [105619, 123827, 129731], ["選", "", "選��が出"]),
        ("llama2", [198, 172, 231, 29874], None),
    ],
)
def test_known_defects_are_kept(
    name: str, tokens: list[int | str], chunks: list[str] | None, tokenizer_dir: Callable[[str], pathlib.Path]
) -> None:
    codec = _codec(tokenizer_dir(name))
    oracle = ReferenceDetokenizer(codec)
    got = []
    for token in tokens:
        finished = isinstance(token, str)
        token_id = EOS[name] if token == "eos" else int(str(token).rstrip("!"))
        got += oracle.detokenize([DetokenizeRequest(7, token_id, finished)])
    if chunks is None:
        assert "".join(got) == "é��a"
        assert codec.decode_batch([[198, 172, 231, 29874]]) == ["���a"]
    else:
        assert got == chunks


def test_an_abort_forgets_and_a_finish_too(tokenizer_dir: Callable[[str], pathlib.Path]) -> None:
    oracle = ReferenceDetokenizer(_codec(tokenizer_dir("qwen2.5")))
    assert oracle.detokenize([DetokenizeRequest(1, 160, False)]) == [""]
    oracle.abort(1)
    assert oracle.detokenize([DetokenizeRequest(1, 64, True)]) == ["a"]
    assert oracle.detokenize([DetokenizeRequest(1, 64, False)]) == ["a"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("a\ufffd", ""),
        ("a b\ufffd", "a "),
        ("a b c\ufffd", "a b "),
        ("a\tb\u3000c\ufffd", ""),
        ("a\n\ufffd", ""),
        ("中\ufffd", "中"),
        ("a中\ufffd", "a中"),
        ("中a\ufffd", ""),
        ("中\ufffd\ufffd", ""),
        ("a\n", "a\n"),
        ("中", "中"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0x4E00, 0x9FFF),
        (0x3400, 0x4DBF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F),
        (0x2B820, 0x2CEAF),
        (0xF900, 0xFAFF),
        (0x2F800, 0x2FA1F),
    ],
)
def test_blocks_of_ideographs_have_these_ends(first: int, last: int) -> None:
    assert is_ideograph(chr(first))
    assert is_ideograph(chr(last))
    if first not in (0x2B740, 0x2B820):
        assert not is_ideograph(chr(first - 1))
    if last not in (0x2B73F, 0x2B81F):
        assert not is_ideograph(chr(last + 1))
