"""Goldens made by the oracle: written to pending/, then swapped in whole.

`regenerate` never touches an accepted golden before the new ones are complete, and the swap of a tokenizer's folder is
one step of the file system on Linux: a run that is killed leaves either the old goldens or the new ones. Elsewhere it
is three renames, and a kill between them leaves the old goldens in pending/.
"""

from __future__ import annotations

import importlib.metadata
import pathlib
import random
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness import golden, oracle, states
from harness.assets import folder_hash
from harness.corpus import Corpus, Recipe, read_corpora, read_recipes, recipe_hash
from harness.errors import UnknownCorpus
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
_SHAPES = {
    **dict.fromkeys(("windows", "long", "limits", "idle"), TOGETHER),
    "crowd": CROWD,
    "ends": ENDS,
}

Announce = Callable[[str], None]


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

    def make(self, sources: Sequence[Source], target: pathlib.Path, announce: Announce) -> Manifest:
        """Write the goldens of these corpora and their manifest into an empty folder."""
        entries: list[Entry] = []
        for source in sources:
            announce(f"{self._name}: {source.name}")
            entries.extend(self._entries(source, target))
        manifest = Manifest(golden.SCHEMA, self._name, provenance(self._folder), tuple(entries))
        golden.write_manifest(target, manifest)
        return golden.read_manifest(target)

    def every_prompt(self) -> list[Prompt]:
        """The prompts of all corpora, each once."""
        return self._encodable(self._corpora)

    def _entries(self, source: Source, target: pathlib.Path) -> Iterator[Entry]:
        prompts = list(self._prompts(source))
        if prompts:
            path = target / f"{source.name}.tokenize.parquet"
            cases = ((case, oracle.answer_prompts(self._codec, case)) for case in prompts)
            yield self._entry(source, "tokenize", path, golden.write_tokenize(path, cases), aborts=False)
        made = list(self._programs(source))
        if made:
            path = target / f"{source.name}.detokenize.parquet"
            answers = ((program, oracle.answer_program(self._codec, program)) for program in made)
            aborts = any(Event.ABORT in program.events for program in made)
            yield self._entry(source, "detokenize", path, golden.write_detokenize(path, answers), aborts=aborts)

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

    def _programs(self, source: Source) -> Iterable[Program]:
        if source.corpus is not None:
            return programs(source.name, self._text_streams(source.corpus), seed=0)
        assert source.recipe is not None
        chance = random.Random(f"{source.name} {source.recipe.seed}")
        if source.name in GENERATORS:
            streams: Iterable[TokenStream] = GENERATORS[source.name](self._vocabulary, chance)
        elif source.name == "long":
            streams = self._long_streams(chance)
        elif source.name == "transitions":
            streams = self._transition_streams()
        else:
            return ()
        return programs(source.name, streams, source.recipe.seed, _SHAPES.get(source.name, SHAPES))

    def _prompts(self, source: Source) -> Iterable[Prompts]:
        if source.corpus is not None:
            return prompt_batches(source.name, self._encodable([source.corpus]), seed=0)
        if source.name == "batches" and source.recipe is not None:
            chance = random.Random(f"{source.name} {source.recipe.seed}")
            return self._mixed_batches(source.recipe, chance)
        return ()

    def _mixed_batches(self, recipe: Recipe, chance: random.Random) -> Iterator[Prompts]:
        every = self._encodable(self._corpora)
        texts = [prompt for prompt in every if isinstance(prompt, str)]
        chats = [prompt for prompt in every if not isinstance(prompt, str)]
        for label, pool in (("text", texts), ("chat", chats), ("mixed", texts[: 2 * len(chats)] + chats)):
            if pool and (label == "text" or chats):
                drawn = [pool[chance.randrange(len(pool))] for _ in range(_BATCHED_PROMPTS // 3)]
                sizes = (64, 1, 2, 32, 5, 17)
                yield from prompt_batches(f"{recipe.name}/{label}", drawn, recipe.seed, sizes)

    def _encodable(self, corpora: Sequence[Corpus]) -> list[Prompt]:
        """The prompts that the reference has an answer for: a template may refuse a conversation."""
        prompts: list[Prompt] = [text[:_MOST_PROMPT] for corpus in corpora for text in corpus.texts]
        if self._codec.has_template:
            for corpus in corpora:
                prompts.extend(chat for chat in corpus.conversations if self._codec.renders(chat))
        return prompts

    def _text_streams(self, corpus: Corpus) -> Iterator[TokenStream]:
        chance = random.Random(f"{corpus.name} streams")
        texts = [*corpus.texts, *(turn["content"] for chat in corpus.conversations for turn in chat)]
        encoded = [self._codec.encode(text[:_MOST_PROMPT]) for text in texts]
        return text_streams(encoded, self._vocabulary, chance, _MOST_TEXT_TOKENS)

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
    name: str, folder: pathlib.Path, corpora: pathlib.Path, goldens: pathlib.Path, announce: Announce
) -> Manifest:
    """Make a pinned tokenizer's goldens in goldens/pending and swap them in. What was pending is thrown away."""
    pending = goldens / "pending" / name
    Pending(goldens).discard(name)
    pending.mkdir(parents=True)
    manifest = Maker(name, folder, corpora).make(read_sources(corpora), pending, announce)
    swap_in(pending, goldens / name)
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
