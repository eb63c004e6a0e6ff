from __future__ import annotations

import json
import pathlib
import random

import pytest

from harness.convert import from_byte_tokens
from harness.generate import GENERATORS
from harness.model import DetokenizeRequest, TokenStream
from harness.oracle import ReferenceDetokenizer
from harness.states import ABORTED, State, Tracker, reachable, representatives, witness
from harness.tokenizer import LibraryCodec, Vocabulary, load_vocabulary

Loaded = tuple[LibraryCodec, Vocabulary]


@pytest.fixture(scope="module")
def straddle(tmp_path_factory: pytest.TempPathFactory, project_root: pathlib.Path) -> Loaded:
    folder = tmp_path_factory.mktemp("straddle")
    source = (project_root / "corpora" / "vocabularies" / "straddle.txt").read_bytes()
    (folder / "tokenizer.json").write_bytes(from_byte_tokens(source))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>"}))
    vocabulary = load_vocabulary(folder)
    return LibraryCodec(folder, vocabulary.eos_id), vocabulary


def _pairs(codec: LibraryCodec, stream: TokenStream) -> set[str]:
    tracker = Tracker()
    reference = ReferenceDetokenizer(codec, tracker.step)
    for at, token in enumerate(stream.tokens):
        finished = not stream.aborted and at == len(stream.tokens) - 1
        reference.detokenize([DetokenizeRequest(0, token, finished)])
    if stream.aborted:
        tracker.abort(0)
    return tracker.pairs


def _ids(vocabulary: Vocabulary, *tokens: bytes) -> list[int]:
    return [vocabulary.id_by_bytes[token] for token in tokens]


@pytest.mark.parametrize(
    ("tokens", "states"),
    [
        ([b"a"], "committed"),
        ([b"\xe4"], "held, none shown"),
        ([b"\xe4", b"\xb8", b"\xad"], "held, none shown > held, none shown > committed"),
        ([b" ", b"\xe4"], "committed > held, none shown"),
    ],
)
def test_a_state_is_what_the_last_message_did(straddle: Loaded, tokens: list[bytes], states: str) -> None:
    codec, vocabulary = straddle
    tracker = Tracker()
    reference = ReferenceDetokenizer(codec, tracker.step)
    for token in _ids(vocabulary, *tokens):
        reference.detokenize([DetokenizeRequest(0, token, False)])
    expected = f"fresh > {states}".split(" > ")
    assert max(tracker.pairs, key=len).split(" > ")[-1] == expected[-1]
    assert tracker.pairs == {" > ".join(expected[max(0, at - 2) : at + 1]) for at in range(1, len(expected))}


def test_every_witness_has_its_pair(straddle: Loaded) -> None:
    codec, vocabulary = straddle
    found = reachable(codec, vocabulary)
    for pair in found:
        assert pair in _pairs(codec, witness(found, pair, vocabulary.eos_id)), pair


def test_every_state_is_reached(straddle: Loaded) -> None:
    found = reachable(*straddle)
    middles = {pair.split(" > ")[1].removesuffix(", finished") for pair in found}
    assert middles == {*(state.value for state in State if state is not State.FRESH), ABORTED}


@pytest.mark.parametrize("generator", ["bytes", "cuts", "splits", "invalid", "aborts", "eos"])
def test_what_random_streams_reach_is_found(straddle: Loaded, generator: str) -> None:
    codec, vocabulary = straddle
    found = reachable(codec, vocabulary)
    seen: set[str] = set()
    for stream in list(GENERATORS[generator](vocabulary, random.Random(3)))[:400]:
        seen |= _pairs(codec, stream)
    assert len(seen) > 15
    assert seen <= found.keys()


def test_representatives_are_few_and_differ_in_how_they_end(straddle: Loaded) -> None:
    _, vocabulary = straddle
    chosen = representatives(vocabulary)
    assert len(chosen) < 60
    ends = {vocabulary.bytes_by_id.get(token, b"")[-1:] for token in chosen}
    assert {b" ", b"\n"} <= ends
    assert vocabulary.size in chosen
    assert vocabulary.eos_id not in chosen
