"""One side of an upgrade: its goldens, and what is known of how it came to them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from harness.golden import Entry, Manifest, read_detokenize, read_manifest, read_tokenize, verify
from harness.model import Event, Prompt
from harness.tokenizer import Stages

PIPELINE = "pipeline.json"
STAGES = "stages.jsonl"
PROBES = "probes.jsonl"


class Staged(msgspec.Struct, frozen=True):
    """A prompt and what becomes of it, as a side wrote it down."""

    prompt: Any
    stages: Stages


class Probe(msgspec.Struct, frozen=True, gc=False):
    """One character between others, and what becomes of that."""

    text: str
    ids: tuple[int, ...]
    normalised: str
    splits: tuple[str, ...]


def probe_texts() -> Iterator[str]:
    """A text for every character that a regular expression or a normalizer may take for one thing or another.

    Of ideographs, syllables and others that come in thousands alike, one in a hundred.
    """
    for point in range(0x21, 0x33480):
        if 0xD800 <= point < 0xF900 or (any(low <= point < high for low, high in _ALIKE) and point % 101):
            continue
        yield f"a{chr(point)}b {chr(point)}1"


_ALIKE = (
    (0x3400, 0xA000),
    (0xAC00, 0xD7A4),
    (0x12000, 0x12550),
    (0x13000, 0x14700),
    (0x17000, 0x18D80),
    (0x1F900, 0x33480),
)


@dataclass(frozen=True)
class Side:
    """Goldens of one tokenizer; the pipeline, the stages of each prompt and the probes where they were written down.

    Goldens that were accepted long ago have no stages, and the tokenizer's file for their pipeline.
    """

    goldens: pathlib.Path
    manifest: Manifest
    pipeline: dict[str, Any]
    stages: dict[str, Stages] = field(default_factory=dict)
    probed: pathlib.Path | None = None

    def probes(self) -> Iterator[Probe]:
        """What became of each probe; none if none were made."""
        if self.probed is not None:
            with self.probed.open("rb") as file:
                yield from (msgspec.json.decode(line, type=Probe) for line in file)

    @cached_property
    def pieces(self) -> dict[int, str]:
        """The piece of each id."""
        vocab = self.pipeline.get("model", {}).get("vocab", {})
        pairs = vocab.items() if isinstance(vocab, dict) else ((p[0], at) for at, p in enumerate(vocab))
        found = {token: piece for piece, token in pairs}
        return {**found, **{token: added["content"] for token, added in self.added.items()}}

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each piece."""
        return {piece: token for token, piece in self.pieces.items()}

    @cached_property
    def added(self) -> dict[int, dict[str, Any]]:
        """The added tokens with their settings, by id."""
        return {entry["id"]: entry for entry in self.pipeline.get("added_tokens", ())}

    def prompts(self, entry: Entry) -> Iterator[tuple[str, Prompt, list[int]]]:
        """The case, prompt and ids of every message of a tokenize golden."""
        for case in read_tokenize(verify(self.goldens, entry)):
            requests = [request for batch in case.prompts.batches for request in batch]
            for request, ids in zip(requests, case.expected.values(), strict=True):
                yield case.prompts.id, request.prompt, ids

    def streams(self, entry: Entry) -> Iterator[tuple[str, tuple[int, ...], list[str]]]:
        """The case, tokens and chunks of every stream of a detokenize golden; the tokens of an abort end in -1."""
        for case in read_detokenize(verify(self.goldens, entry)):
            program, chunks = case.program, iter(case.expected.values())
            live: dict[int, tuple[list[int], list[str]]] = {}
            for uid, token, event in zip(program.uids, program.tokens, program.events, strict=True):
                tokens, texts = live.setdefault(uid, ([], []))
                tokens.append(-1 if event == Event.ABORT else token)
                if event != Event.ABORT:
                    texts.append(next(chunks))
                if event != Event.FEED:
                    yield program.id, tuple(tokens), texts
                    del live[uid]


def read_side(goldens: pathlib.Path, trace: pathlib.Path) -> Side:
    """A side that wrote down how it came to its goldens."""
    pipeline = msgspec.json.decode((trace / PIPELINE).read_bytes(), type=dict[str, Any])
    with (trace / STAGES).open("rb") as file:
        staged = [msgspec.json.decode(line, type=Staged) for line in file]
    stages = {prompt_key(entry.prompt): entry.stages for entry in staged}
    return Side(goldens, read_manifest(goldens), pipeline, stages, trace / PROBES)


def side_of_folder(goldens: pathlib.Path, folder: pathlib.Path) -> Side:
    """A side of which only the goldens are there, with the tokenizer's file for its pipeline."""
    pipeline = msgspec.json.decode((folder / "tokenizer.json").read_bytes(), type=dict[str, Any])
    return Side(goldens, read_manifest(goldens), pipeline)


def prompt_key(prompt: Prompt) -> str:
    """A prompt as a key."""
    return msgspec.json.encode(prompt if isinstance(prompt, str) else [dict(turn) for turn in prompt]).decode()
