"""Goldens made by the oracle: written to pending/, then swapped in whole.

`regenerate` never touches an accepted golden before the new ones are complete, and the swap of a tokenizer's folder is
one step of the file system on Linux: a run that is killed leaves either the old goldens or the new ones. Elsewhere it
is three renames, and a kill between them leaves the old goldens in pending/.
"""

from __future__ import annotations

import functools
import importlib.metadata
import pathlib
import random
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import msgspec

from harness import golden, oracle, states
from harness.assets import folder_hash
from harness.corpus import Corpus, Recipe, read_corpora, read_recipes, recipe_hash
from harness.errors import GoldenError, UnknownCorpus
from harness.generate import GENERATORS, MOST_TOKENS, text_streams
from harness.golden import Entry, Manifest, Operation, Provenance
from harness.model import Event, Program, Prompt, Prompts, TokenStream
from harness.review import Pending
from harness.schedule import CROWD, ENDS, SHAPES, TOGETHER, programs, prompt_batches
from harness.swap import swap_in
from harness.tokenizer import LibraryCodec, TransformersCodec, load_vocabulary

_MOST_TEXT_TOKENS = 600
_LONG_STREAMS = 4
_BATCHED_PROMPTS = 620
_MOST_PROMPT = 120_000
_MOST_ANNOUNCED = 10
_SHAPES = {
    **dict.fromkeys(("windows", "long", "limits", "idle"), TOGETHER),
    "crowd": CROWD,
    "ends": ENDS,
}

_Case = TypeVar("_Case", Program, Prompts)

Announce = Callable[[str], None]
Streams = Callable[[random.Random], Iterable[TokenStream]]
"""Draws the streams of a corpus."""
Batches = Callable[[str], Iterable[Prompts]]
"""Draws the prompts of a corpus; what it is told goes into every seed."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the goldens of one corpus are made of: a file of texts, or a recipe."""

    name: str
    why: str
    sha256: str
    corpus: Corpus | None = None
    recipe: Recipe | None = None


def read_sources(corpora: pathlib.Path, names: Sequence[str] = ()) -> list[Source]:
    """The corpora of these names, or all. Raises `UnknownCorpus` for a name that there isn't."""
    sources = [Source(corpus.name, corpus.why, corpus.sha256, corpus=corpus) for corpus in read_corpora(corpora)]
    every = "".join(source.sha256 for source in sources)
    for recipe in read_recipes(corpora):
        # These two are made of every corpus of texts.
        drawn = every if recipe.name in ("batches", "long") else ""
        sources.append(Source(recipe.name, recipe.why, recipe_hash(recipe, drawn), recipe=recipe))
    known = [source.name for source in sources]
    for name in names:
        if name not in known:
            raise UnknownCorpus(
                f"there is no corpus {name!r}",
                cause=f"there are {', '.join(known)}",
                hint="name one of these",
            )
    return [source for source in sources if not names or source.name in names]


def provenance(folder: pathlib.Path) -> Provenance:
    """What goldens made here and now of a tokenizer folder come from."""
    return Provenance(
        tokenizer_sha256=folder_hash(folder),
        oracle=oracle.VERSION,
        tokenizers=_version("tokenizers"),
        transformers=_version("transformers"),
        unicode=unicodedata.unidata_version,
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


class Maker:
    """Makes the goldens of one tokenizer into a folder, with the reference's codec if no other is given."""

    def __init__(
        self,
        name: str,
        folder: pathlib.Path,
        corpora: pathlib.Path,
        codec: TransformersCodec | LibraryCodec | None = None,
    ) -> None:
        self._name = name
        self._folder = folder
        self._codec = codec or TransformersCodec(folder)
        self._vocabulary = load_vocabulary(folder)
        self._corpora = read_corpora(corpora)

    def make(self, sources: Sequence[Source], target: pathlib.Path, announce: Announce, copies: int = 1) -> Manifest:
        """Write the goldens of these corpora and their manifest into an empty folder.

        With `copies` each corpus is there so many times: the first copy is all there is without, the others have
        what it has from other seeds, in another order and interleaved otherwise. One copy at a time is in memory.
        """
        entries: list[Entry] = []
        for source in sources:
            entries.extend(self._entries(source, target, announce, copies))
        scale = copies if copies > 1 else msgspec.UNSET
        manifest = Manifest(golden.SCHEMA, self._name, provenance(self._folder), tuple(entries), scale=scale)
        golden.write_manifest(target, manifest)
        return golden.read_manifest(target)

    def every_prompt(self) -> list[Prompt]:
        """The prompts of all corpora, each once."""
        return self._encodable(self._corpora)

    def _entries(self, source: Source, target: pathlib.Path, announce: Announce, copies: int) -> Iterator[Entry]:
        announce(f"{self._name}: {source.name}")
        prompts = _distinct(self._prompts(source, copies))
        if (first_prompts := next(prompts, None)) is not None:
            path = target / f"{source.name}.tokenize.parquet"
            cases = ((case, oracle.answer_prompts(self._codec, case)) for case in chain([first_prompts], prompts))
            yield self._entry(source, "tokenize", path, golden.write_tokenize(path, cases), aborts=False)
        programs = _distinct(self._programs(source, announce, copies))
        if (first_program := next(programs, None)) is not None:
            aborts = False

            def answered() -> Iterator[tuple[Program, list[str | None]]]:
                nonlocal aborts
                for program in chain([first_program], programs):
                    aborts = aborts or Event.ABORT in program.events
                    yield program, oracle.answer_program(self._codec, program)

            path = target / f"{source.name}.detokenize.parquet"
            written = golden.write_detokenize(path, answered())
            yield self._entry(source, "detokenize", path, written, aborts=aborts)

    def _entry(
        self,
        source: Source,
        operation: Operation,
        path: pathlib.Path,
        written: tuple[str, int, int],
        *,
        aborts: bool,
    ) -> Entry:
        content, cases, messages = written
        sha256 = golden.file_sha256(path)
        return Entry(source.name, source.sha256, operation, path.name, sha256, content, cases, messages, aborts)

    def _programs(self, source: Source, announce: Announce, copies: int) -> Iterator[Program]:
        draw = self._streams(source)
        if draw is None:
            return
        seed = source.recipe.seed if source.recipe else 0
        label = seed if source.recipe else "streams"
        shapes = _SHAPES.get(source.name, SHAPES)
        for copy in range(copies):
            if copy and copy * _MOST_ANNOUNCED // copies != (copy - 1) * _MOST_ANNOUNCED // copies:
                announce(f"{self._name}: {source.name}, {copy} of {copies} copies are done")
            chance = random.Random(f"{source.name} {label}{_suffix(copy)}")
            streams = draw(chance)
            if copy:
                streams = list(streams)
                chance.shuffle(streams)
            yield from programs(source.name, streams, f"{seed}{_suffix(copy)}", shapes)

    def _streams(self, source: Source) -> Streams | None:
        if source.corpus is not None:
            return self._text_streams(source.corpus)
        if source.name in GENERATORS:
            return functools.partial(GENERATORS[source.name], self._vocabulary)
        if source.name == "long":
            return self._long_streams
        if source.name == "transitions":
            found = list(self._transition_streams())
            return lambda chance: found
        return None

    def _prompts(self, source: Source, copies: int) -> Iterator[Prompts]:
        draw: Batches
        if source.corpus is not None:
            draw = functools.partial(prompt_batches, source.name, self._encodable([source.corpus]))
        elif source.name == "batches" and source.recipe is not None:
            draw = self._mixed_batches(source.recipe)
        else:
            return
        seed = source.recipe.seed if source.recipe else 0
        for copy in range(copies):
            yield from draw(f"{seed}{_suffix(copy)}")

    def _mixed_batches(self, recipe: Recipe) -> Batches:
        every = self._encodable(self._corpora)
        texts: list[Prompt] = [prompt for prompt in every if isinstance(prompt, str)]
        chats: list[Prompt] = [prompt for prompt in every if not isinstance(prompt, str)]
        pools = {"text": texts, "chat": chats, "mixed": texts[: 2 * len(chats)] + chats}

        def draw(seed: str) -> Iterator[Prompts]:
            chance = random.Random(f"{recipe.name} {seed}")
            for label, pool in pools.items():
                if pool and (label == "text" or chats):
                    drawn = [pool[chance.randrange(len(pool))] for _ in range(_BATCHED_PROMPTS // 3)]
                    sizes = (64, 1, 2, 32, 5, 17)
                    yield from prompt_batches(f"{recipe.name}/{label}", drawn, seed, sizes)

        return draw

    def _encodable(self, corpora: Sequence[Corpus]) -> list[Prompt]:
        """The prompts that the reference has an answer for: a template may refuse a conversation."""
        prompts: list[Prompt] = [text[:_MOST_PROMPT] for corpus in corpora for text in corpus.texts]
        if self._codec.has_template:
            for corpus in corpora:
                prompts.extend(chat for chat in corpus.conversations if self._codec.renders(chat))
        return prompts

    def _text_streams(self, corpus: Corpus) -> Streams:
        texts = [*corpus.texts, *(turn["content"] for chat in corpus.conversations for turn in chat)]
        encoded = [self._codec.encode(text[:_MOST_PROMPT]) for text in texts]
        return lambda chance: text_streams(encoded, self._vocabulary, chance, _MOST_TEXT_TOKENS)

    def _long_streams(self, chance: random.Random) -> Iterator[TokenStream]:
        texts = [text for corpus in self._corpora for text in corpus.texts]
        for _ in range(_LONG_STREAMS):
            chance.shuffle(texts)
            tokens: list[int] = []
            for text in texts:
                tokens.extend(self._codec.encode(text[:2000]))
                if len(tokens) >= MOST_TOKENS:
                    break
            yield TokenStream([*tokens[: MOST_TOKENS - 1], self._vocabulary.eos_id])

    def _transition_streams(self) -> Iterator[TokenStream]:
        """The shortest stream for every pair of transitions that the detokenizer can make on this tokenizer."""
        eos_id = self._vocabulary.eos_id
        found = states.reachable(LibraryCodec(self._folder, eos_id), self._vocabulary)
        for pair in sorted(found):
            yield states.witness(found, pair, eos_id)


def regenerate(
    name: str, folder: pathlib.Path, corpora: pathlib.Path, goldens: pathlib.Path, announce: Announce, copies: int = 1
) -> Manifest:
    """Make a pinned tokenizer's goldens in goldens/pending and swap them in. What was pending is thrown away.

    Raises `GoldenError` if what they would take the place of are no goldens.
    """
    place, pending = goldens / name, goldens / "pending" / name
    if place.exists() and not (place / golden.MANIFEST).is_file():
        raise GoldenError(
            f"{place} is in the way",
            cause=f"it has no {golden.MANIFEST}, so it is not a folder of goldens",
            hint="remove it, or choose another folder",
        )
    Pending(goldens).discard(name)
    pending.mkdir(parents=True)
    manifest = Maker(name, folder, corpora).make(read_sources(corpora), pending, announce, copies)
    swap_in(pending, place)
    shutil.rmtree(pending, ignore_errors=True)
    return manifest


def differences(accepted: Manifest, made: Manifest) -> list[str]:
    """What two sets of goldens disagree on, a line each; nothing if they are the same."""
    found = []
    mine = {(e.corpus, e.operation): e for e in accepted.goldens}
    theirs = {(e.corpus, e.operation): e for e in made.goldens}
    for key in sorted(mine.keys() | theirs.keys()):
        a, b = mine.get(key), theirs.get(key)
        what = f"{accepted.tokenizer}/{key[0]} {key[1]}"
        if a is None or b is None:
            found.append(f"{what}: {'is new' if a is None else 'is no longer made'}")
        elif a.content != b.content:
            found.append(f"{what}: the content differs")
    return found


def _distinct(cases: Iterable[_Case]) -> Iterator[_Case]:
    """The cases, less those that are the one before over again: of very few texts, a copy has nothing new."""
    before = ""
    for case in cases:
        if case.id != before:
            yield case
        before = case.id


def _suffix(copy: int) -> str:
    """What is added to the seeds of a copy: nothing to those of the first."""
    return f" copy {copy}" if copy else ""
