"""Timings of tokenizing: the Rust module by the batch against the reference's way, request by request."""

from __future__ import annotations

import gc
import itertools
import pathlib
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from harness.assets import chosen, read_pins, resolve
from harness.bench.figures import Cell, Column, Report
from harness.corpus import read_corpora
from harness.errors import ParityError
from harness.model import Prompt, TokenizeRequest
from harness.packages import Announce
from harness.project import Project
from harness.protocol import Backend
from harness.targets import find_target, load_factory
from harness.tokenizer import TransformersCodec

SIZES = (1, 4, 16, 64)
_ROUNDS = 9
_IN_A_ROW = 8
_WARM_UP = 64
_TOKENS = 300
_SEED = 1
_TEXTS = ("bidi", "cjk", "code", "conversations", "languages", "marks", "prompts-long")
_SCRIPTS = ((0x61, 0x7A), (0x61, 0x7A), (0x430, 0x44F), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0x915, 0x939))
T = TypeVar("T")
Maker: TypeAlias = Callable[[], Prompt]


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds that one batch takes: processor time of both, and the time that passes in Rust."""

    reference: float
    rust: float
    rust_passed: float


class Sentences:
    """Sentences of the corpora, of which prompts are drawn; no prompt is drawn twice."""

    def __init__(self, corpora: pathlib.Path, codec: TransformersCodec) -> None:
        read = [corpus for corpus in read_corpora(corpora) if corpus.name in _TEXTS]
        turns = [turn["content"] for corpus in read for messages in corpus.conversations for turn in messages]
        texts = [text for corpus in read for text in corpus.texts] + turns
        parts = {part for text in texts for part in re.split(r"(?<=[.!?。！？\n])\s*", text) if part.strip()}
        self._parts = sorted((part, len(codec.encode(part))) for part in parts)
        self._chance = random.Random(_SEED)
        self._drawn: set[str] = set()

    def text(self, tokens: int = _TOKENS) -> str:
        """A text of about so many tokens."""
        while True:
            chosen: list[str] = []
            length = 0
            while length < tokens:
                part, count = self._chance.choice(self._parts)
                if count <= tokens - length + 20:
                    chosen.append(part)
                    length += count
            text = " ".join(chosen)
            if text not in self._drawn:
                self._drawn.add(text)
                return text

    def chat(self) -> Prompt:
        """A conversation of two turns and a question, of about as many tokens as a text."""
        roles = ("user", "assistant", "user")
        return [{"role": role, "content": self.text(_TOKENS // 3)} for role in roles]

    def made_up(self) -> str:
        """A text of words that no language has, so that no cache of words knows them."""
        words: list[str] = []
        for _ in range(_TOKENS // 4):
            low, high = self._chance.choice(_SCRIPTS)
            words.append("".join(chr(self._chance.randint(low, high)) for _ in range(self._chance.randint(2, 7))))
        return " ".join(words)


_COLUMNS = (
    Column("tokenizer"),
    Column("prompts"),
    Column("batch", ",d"),
    Column("reference, ms", ",.2f"),
    Column("rust, ms", ",.3f"),
    Column("reference / rust", ",.1f"),
    Column("rust, ms passed", ",.3f"),
)


def run(project: Project, announce: Announce) -> Report:
    """Measure on every pinned tokenizer of the default set."""
    target = find_target("rust", project.impls)
    if target.lacking:
        raise ParityError("rust can't be measured", cause=target.lacking, hint="build it first")
    rows: list[tuple[Cell, ...]] = []
    for name in chosen((), read_pins(project.corpora)):
        folder = resolve(name, project.corpora, announce)
        codec = TransformersCodec(folder)
        backend = load_factory(target.spec)(folder)
        sentences = Sentences(project.corpora, codec)
        for kind, makers in _kinds(sentences, codec.has_template):
            announce(f"tokenize: {name}, {kind}")
            for size, timings in _measure(codec, backend, makers):
                rows.append((name, kind, size, *_figures(timings)))
    return Report(
        "Tokenize in one process: processor time a batch",
        _COLUMNS,
        tuple(rows),
        (
            f"medians of {_ROUNDS} rounds of {_IN_A_ROW} batches; in each, both get the same prompts "
            f"of about {_TOKENS} tokens, new to both, and either is the first in every other round",
            "the reference: transformers, one request after the other; what both answer is compared",
            "made-up: words of random letters, which no cache of words has met",
        ),
    )


def _kinds(sentences: Sentences, has_template: bool) -> Iterator[tuple[str, Sequence[Maker]]]:
    yield "text", (sentences.text,)
    if has_template:
        yield "mixed", (sentences.text, sentences.chat)
        yield "chat", (sentences.chat,)
    yield "made-up", (sentences.made_up,)


def _measure(codec: TransformersCodec, backend: Backend, makers: Sequence[Maker]) -> Iterator[tuple[int, list[Timing]]]:
    made = (makers[at % len(makers)]() for at in itertools.count())
    _time(codec, backend, [[next(made) for _ in range(_WARM_UP)]])
    for size in SIZES:
        rounds = [[[next(made) for _ in range(size)] for _ in range(_IN_A_ROW)] for _ in range(_ROUNDS)]
        gc.collect()
        gc.disable()
        try:
            timings = [_time(codec, backend, batches, rust_first=at % 2 == 1) for at, batches in enumerate(rounds)]
        finally:
            gc.enable()
        yield size, timings


def _time(
    codec: TransformersCodec, backend: Backend, batches: Sequence[Sequence[Prompt]], rust_first: bool = False
) -> Timing:
    asked = [[TokenizeRequest(uid, prompt) for uid, prompt in enumerate(prompts)] for prompts in batches]

    def reference() -> list[list[list[int]]]:
        return [[codec.encode(request.prompt) for request in requests] for requests in asked]

    def rust() -> list[Sequence[Sequence[int]]]:
        return [backend.tokenize(requests) for requests in asked]

    if rust_first:
        got, rust_time, rust_passed = _timed(rust)
        expected, reference_time, _ = _timed(reference)
    else:
        expected, reference_time, _ = _timed(reference)
        got, rust_time, rust_passed = _timed(rust)
    if [[list(ids) for ids in answers] for answers in got] != expected:
        raise ParityError("the Rust tokenizer is red: there is nothing to time", hint="run `parity check rust`")
    return Timing(reference_time / len(asked), rust_time / len(asked), rust_passed / len(asked))


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """What some work gives, the milliseconds of the processor that it takes, and those that pass."""
    begin, passing = time.process_time(), time.perf_counter()
    given = work()
    return given, (time.process_time() - begin) * 1e3, (time.perf_counter() - passing) * 1e3


def _figures(timings: Sequence[Timing]) -> Iterator[float]:
    yield statistics.median(timing.reference for timing in timings)
    yield statistics.median(timing.rust for timing in timings)
    yield statistics.median(timing.reference / timing.rust for timing in timings)
    yield statistics.median(timing.rust_passed for timing in timings)
