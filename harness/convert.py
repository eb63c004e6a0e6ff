"""tokenizer.json out of the other forms in which tokenizers are published.

Written out here, not left to a library's converter, so that the same source gives the same bytes
whatever is installed: the result's hash is pinned in the list of tokenizers.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.tokenizer import byte_chars

_TEKKEN_NAMES = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    *("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]"),
    *("[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)

_BPE = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
}


def from_tekken(source: bytes) -> bytes:
    """Mistral's tekken.json (v3, without a list of its special tokens) as a byte-level BPE.

    A token's id is its rank after the special tokens. Encoding starts with `<s>`, as Mistral's models have it.
    """
    tekken = json.loads(source)
    specials = tekken["config"]["default_num_special_tokens"]
    names = [*_TEKKEN_NAMES, *(f"<SPECIAL_{rank}>" for rank in range(len(_TEKKEN_NAMES), specials))]
    ordinary = tekken["config"]["default_vocab_size"] - specials
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in tekken["vocab"][:ordinary]}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {
        "type": "Split",
        "pattern": {"Regex": tekken["config"]["pattern"]},
        "behavior": "Isolated",
        "invert": False,
    }
    vocab = {name: rank for rank, name in enumerate(names)}
    vocab.update({_spell(token): specials + rank for token, rank in ranks.items()})
    return _document(
        added=list(enumerate(names)),
        normalizer=None,
        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, byte_level]},
        post_processor=_framed(("<s>", 1)),
        decoder=byte_level,
        model={**_BPE, "ignore_merges": True, "vocab": vocab, "merges": _merges(ranks)},
    )


def from_wordpiece(source: bytes) -> bytes:
    """BERT's vocab.txt (uncased) as a WordPiece tokenizer."""
    vocab = {piece: token for token, piece in enumerate(source.decode("utf-8").splitlines())}
    return _document(
        added=[(vocab[name], name) for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")],
        normalizer={
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor=_framed(("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])),
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
        model={
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocab,
        },
    )


def from_byte_tokens(source: bytes) -> bytes:
    """A list of byte-level tokens, one a line in hexadecimal, as a tokenizer: every byte first, then those.

    Made-up vocabularies reach what real ones happen to lack. Text is encoded byte by byte.
    """
    lines = [line.partition("#")[0].strip() for line in source.decode("ascii").splitlines()]
    tokens = [*(bytes([byte]) for byte in range(256)), *(bytes.fromhex(line) for line in lines if line)]
    names = ["<|end|>", "<|start|>", "<|other|>"]
    vocab = {_spell(token): rank for rank, token in enumerate(tokens)}
    added = [(len(tokens) + at, name) for at, name in enumerate(names)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return _document(
        added=added,
        normalizer=None,
        pre_tokenizer=byte_level,
        post_processor=None,
        decoder=byte_level,
        model={**_BPE, "ignore_merges": False, "vocab": vocab, "merges": []},
    )


def as_it_is(source: bytes) -> bytes:
    """A file that is tokenizer.json already."""
    return source


FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "tokenizer.json": as_it_is,
    "tekken": from_tekken,
    "wordpiece": from_wordpiece,
    "byte-tokens": from_byte_tokens,
}
"""How each published form becomes tokenizer.json."""


def _merges(ranks: dict[bytes, int]) -> list[list[str]]:
    """Every way to put a token together from two others, in the order of the token's rank."""
    merges: list[list[str]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        halves = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [pair for pair in halves if pair[0] in ranks and pair[1] in ranks]
        known.sort(key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
        merges.extend([_spell(left), _spell(right)] for left, right in known)
    return merges


def _spell(token: bytes) -> str:
    chars = byte_chars()
    return "".join(chars[byte] for byte in token)


def _framed(first: tuple[str, int], last: tuple[str, int] | None = None) -> dict[str, Any]:
    """A post-processor that puts one special token before a text and perhaps one after it."""
    frame = [first] if last is None else [first, last]
    pieces = [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in frame]
    single = [pieces[0], {"Sequence": {"id": "A", "type_id": 0}}, *pieces[1:]]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, *pieces[1:]],
        "special_tokens": {name: {"id": name, "ids": [token], "tokens": [name]} for name, token in frame},
    }


def _document(added: list[tuple[int, str]], **parts: Any) -> bytes:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": token, "content": name, **flags} for token, name in added],
        **parts,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
