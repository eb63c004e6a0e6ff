"""The texts and conversations of corpora/*.toml, checked and made into values."""

from __future__ import annotations

import hashlib
import pathlib
import tomllib
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from harness.errors import UnknownCorpus

_T = TypeVar("_T")

NOT_CORPORA = ("tokenizers.toml", "generated.toml", "chat-templates.toml", "encode-vectors.toml")


@dataclass(frozen=True, slots=True)
class Text:
    """One text, with why it is there. `script` is an ISO 15924 code, `language` a BCP 47 tag or empty."""

    id: str
    why: str
    text: str
    language: str = ""
    script: str = "Zyyy"
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; its content is repeated `repeat` times."""

    role: str
    content: str
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages for the chat template, with why they are there."""

    id: str
    why: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """One file of texts and conversations; `sha256` is the file's."""

    name: str
    why: str
    sha256: str
    texts: tuple[str, ...]
    conversations: tuple[tuple[dict[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A generated corpus: made for each tokenizer by the function of its name in `generate`."""

    name: str
    why: str
    seed: int


class _TextFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    why: str
    text: list[Text] = []
    conversation: list[Conversation] = []


class _RecipeFile(msgspec.Struct, forbid_unknown_fields=True):
    generated: list[Recipe]


def read_corpora(folder: pathlib.Path) -> list[Corpus]:
    """Every corpus of texts, by name. Raises `UnknownCorpus` for a file that can't be read."""
    paths = sorted(path for path in folder.glob("*.toml") if path.name not in NOT_CORPORA)
    if not paths:
        raise UnknownCorpus(f"there are no corpora in {folder}", hint="restore them from git")
    return [_read_corpus(path) for path in paths]


def read_recipes(folder: pathlib.Path) -> list[Recipe]:
    """The generated corpora, in the order of corpora/generated.toml."""
    return _read(folder / "generated.toml", _RecipeFile).generated


def recipe_hash(recipe: Recipe, drawn_from: str = "") -> str:
    """SHA-256 of what a recipe says and of what it draws from."""
    return hashlib.sha256(f"{recipe.name} {recipe.seed} {drawn_from}".encode()).hexdigest()


def _read_corpus(path: pathlib.Path) -> Corpus:
    file = _read(path, _TextFile)
    return Corpus(
        name=path.stem,
        why=file.why,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        texts=tuple(entry.text * entry.repeat for entry in file.text),
        conversations=tuple(
            tuple({"role": turn.role, "content": turn.content * turn.repeat} for turn in entry.messages)
            for entry in file.conversation
        ),
    )


def _read(path: pathlib.Path, shape: type[_T]) -> _T:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), shape)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UnknownCorpus(
            f"the corpus {path} can't be read", cause=str(error), hint="see corpora/README.md for the format"
        ) from error
