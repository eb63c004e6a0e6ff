"""What scripts are drawn from: a tokenizer's tokens by kind, spelled characters, encoded texts, and prompts."""

from __future__ import annotations

import itertools
import pathlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.corpus import read_corpora
from harness.model import Prompt
from harness.spelling import WHITE_SPACE, block_probes, compositions, straddles, straddling_tokens
from harness.tokenizer import TransformersCodec, Vocabulary

_MOST_PROMPT = 160
_MOST_PROMPTS = 240
_MOST_SPELLINGS = 24
_LONGEST = 8

_CHARACTERS = (
    "é", "ß", "\u07ff", "中", "選", "關", "한", "あ", "ไ", "\ufffd", "\u3000", "\u2009", "\u200d", "\ufe0f", "\u0301",
    "😀", "𠮷", "👨", "\U0010ffff", "\u0800", "\x7f", "\x00",
)  # fmt: skip
"""Of every length in UTF-8, ideographs and their like, joiners, and the replacement character itself."""

_NEIGHBOURS: Sequence[Sequence[str | bytes]] = (
    # text sent twice, and its tail lost
    ("關", b"\xa1", b"\xa1", "a"), ("選", b"\xe9\x83", "が", "出"), ("中", b"\xe4", b"\xb8", "a"),
    # text held back at the finish
    ("ok", b" \xe4"), ("end\ufffd",), ("a", "\ufffd"), ("👨", b"\xf0\x9f"), (b"\xe4",),
    # byte tokens that change what those before them were
    (b"\xc3", b"\xa9", b"\xe4", "a"), (b"\xe4", b"a", b"b"), (b"\xf0", b"\x9f", b"\x98", b"\x80", b"\xff"),
    # split emoji, joined emoji, flags, combining marks
    (b"\xf0", b"\x9f\x98\x80"), (b"\xf0\x9f", b"\x98\x80"), ("👨", "\u200d", "👩"), ("🇩", "🇪"), ("e", "\u0301", "x"),
    # white space
    (" x",), ("▁",), (" ", " ", "a"), ("\n", " ", "a"), ("x", " !", "=", " y"), (" do", " n't"), (b"\x00",),
    # surrogates and other bytes that are no UTF-8
    (b"\xed", b"\xa0", b"\x80", "a"), (b"\xc0", b"\x80"), (b"\xf4", b"\x90", b"\x80", b"\x80"), (b"\xff", "a"),
)  # fmt: skip
"""Beginnings of streams on which implementations have failed; drawing changes them a little."""


@dataclass(frozen=True, slots=True)
class Material:
    """The parts of scripts, for the tokenizer `name`.

    `pools` are kinds of tokens with how often each is drawn from. `spellings` are ways to write a character in tokens,
    one list of ways a character; `held` those that leave it uncommitted, since the last token begins another one.
    `shapes` are streams close to those of known bugs, `texts` encoded texts, `longest` the tokens with most text.
    `renders` says whether the chat template takes a conversation, `specials` are special tokens as text.
    """

    name: str
    eos_id: int
    pools: Sequence[Sequence[int]]
    weights: Sequence[float]
    spellings: Sequence[Sequence[Sequence[int]]]
    shapes: Sequence[Sequence[int]]
    texts: Sequence[Sequence[int]]
    prompts: Sequence[Prompt]
    leads: Sequence[int]
    held: Sequence[Sequence[Sequence[int]]] = ()
    longest: Sequence[int] = ()
    specials: Sequence[str] = ()
    renders: Callable[[Sequence[dict[str, str]]], bool] = lambda _: False


def read_material(name: str, corpora: pathlib.Path, codec: TransformersCodec, vocabulary: Vocabulary) -> Material:
    """The material of the tokenizer of this name, with the texts and conversations of the corpora."""
    texts, prompts = _prompts(corpora, codec)
    pools, weights = zip(*_pools(vocabulary), strict=True)
    by_bytes = vocabulary.id_by_bytes
    characters = dict.fromkeys([*_CHARACTERS, *WHITE_SPACE, *_invisible(texts)])
    spelled = (list(itertools.islice(compositions(char.encode(), by_bytes), _MOST_SPELLINGS)) for char in characters)
    straddling = straddling_tokens(vocabulary)
    held = (straddles(char, straddling, by_bytes, 4) for char in [*WHITE_SPACE, *block_probes(straddling)])
    shapes = [_shape(parts, by_bytes, codec) for parts in _NEIGHBOURS]
    leads = [by_bytes[lead] for lead in (b"\xe4", b"\xc3", b"\xf0", b"\xe4\xb8") if lead in by_bytes]
    return Material(
        name=name,
        eos_id=vocabulary.eos_id,
        pools=pools,
        weights=weights,
        spellings=[ways for ways in spelled if ways],
        shapes=[shape for shape in shapes if shape],
        texts=[ids[:200] for ids in map(codec.encode, texts) if ids],
        prompts=prompts,
        leads=leads or [vocabulary.eos_id],
        held=[ways for ways in held if ways],
        longest=_longest(vocabulary),
        specials=[vocabulary.pieces[token] for token in sorted(vocabulary.specials)][:40],
        renders=codec.renders,
    )


def _prompts(corpora: pathlib.Path, codec: TransformersCodec) -> tuple[list[str], list[Prompt]]:
    """Texts to stream, and prompts to encode: evenly out of every corpus, the long ones left out."""
    texts: list[str] = []
    conversations: list[Prompt] = []
    for corpus in read_corpora(corpora):
        texts += [text for text in corpus.texts if len(text) <= _MOST_PROMPT]
        if codec.has_template:
            short = [turns for turns in corpus.conversations if sum(len(turn["content"]) for turn in turns) < 300]
            conversations += [list(turns) for turns in short if codec.renders(list(turns))]
    every = max(1, len(texts) // _MOST_PROMPTS)
    return texts[::every], ["", *texts[::every], *conversations]


def _invisible(texts: Iterable[str]) -> list[str]:
    """The characters of some texts with no shape of their own: controls, spaces, marks, what is unassigned."""
    every = sorted(set(itertools.chain.from_iterable(texts)))
    return [char for char in every if unicodedata.category(char)[0] in "CZM" and not "\ud800" <= char <= "\udfff"]


def _longest(vocabulary: Vocabulary) -> list[int]:
    """The tokens with most text: a few of them fill any buffer."""
    whole = [token for token in sorted(vocabulary.pieces) if token not in vocabulary.partial_set]
    return sorted(whole, key=lambda token: -len(vocabulary.bytes_by_id[token].decode("utf-8", "replace")))[:_LONGEST]


def _pools(vocabulary: Vocabulary) -> Iterator[tuple[Sequence[int], float]]:
    """Kinds of tokens, half of what is drawn parts of characters."""
    every = sorted(vocabulary.pieces)
    texts = {token: vocabulary.bytes_by_id[token].decode("utf-8", "replace") for token in every}
    kinds: Iterable[tuple[Sequence[int], float]] = (
        (vocabulary.partial, 0.42),
        ([token for token in vocabulary.partial if len(vocabulary.bytes_by_id[token]) == 1], 0.08),
        ([token for token in vocabulary.partial if len(vocabulary.bytes_by_id[token]) > 2], 0.08),
        ([token for token in every if texts[token].startswith((" ", "▁"))], 0.08),
        ([token for token in every if texts[token].strip() == ""], 0.05),
        ([token for token in every if any("㐀" <= char <= "鿿" for char in texts[token])], 0.08),
        ([token for token in every if token not in vocabulary.partial_set and "\ufffd" in texts[token]], 0.04),
        ([vocabulary.eos_id], 0.04),
        (sorted(vocabulary.specials), 0.03),
        ([vocabulary.size, vocabulary.size + 262, 2**31 - 1, 2**31, 2**32 - 1], 0.02),
        (every, 0.12),
    )
    return ((pool, weight) for pool, weight in kinds if pool)


def _shape(parts: Sequence[str | bytes], by_bytes: Mapping[bytes, int], codec: TransformersCodec) -> list[int]:
    """The tokens of parts: each part's own token, or its bytes'; one that has neither is encoded, or left out."""
    tokens: list[int] = []
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        if data in by_bytes:
            tokens.append(by_bytes[data])
        elif all(data[at : at + 1] in by_bytes for at in range(len(data))):
            tokens += [by_bytes[data[at : at + 1]] for at in range(len(data))]
        elif isinstance(part, str):
            tokens += codec.encode(part)
    return tokens
