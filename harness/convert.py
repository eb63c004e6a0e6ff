"""tokenizer.json out of the other forms in which tokenizers are published.

Written out here, not left to a library's converter, so that the same source gives the same bytes
whatever is installed: the result's hash is pinned in the list of tokenizers.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import AssetError
from harness.spiece import Algorithm, Kind, Model, Piece, read_model
from harness.tokenizer import byte_chars

_TEKKEN_NAMES = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    *("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]"),
    *("[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)

_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
)
_O200K_UPPER, _O200K_LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}*{_O200K_LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}+{_O200K_LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# A text that spells a byte's piece, such as <0x0A>, is not that byte: cut it where no other piece straddles.
_NO_SPELLED_BYTES = {
    "type": "Split",
    "pattern": {"Regex": "<(?=0x[0-9A-F]{2}>)"},
    "behavior": "MergedWithPrevious",
    "invert": False,
}
_UNZIPPED_LIMIT = 64 * 1024 * 1024
_EXTRA_IDS = 300

_BPE = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
_METASPACED = {
    "type": "Sequence",
    "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
    ],
}
_FALLBACK_DECODER = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ],
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
    vocab = {name: rank for rank, name in enumerate(names)}
    vocab.update({_spell(token): specials + rank for token, rank in ranks.items()})
    return _by_ranks(
        ranks, tekken["config"]["pattern"], vocab, added=list(enumerate(names)), post_processor=_framed(("<s>", 1))
    )


def from_cl100k(source: bytes) -> bytes:
    """OpenAI's ranks cl100k_base, whose split pattern and special tokens are not in the file."""
    names = {"<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259}
    return _from_tiktoken(source, _CL100K, {**names, "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276})


def from_o200k(source: bytes) -> bytes:
    """OpenAI's ranks o200k_base, whose split pattern and special tokens are not in the file."""
    return _from_tiktoken(source, _O200K, {"<|endoftext|>": 199999, "<|endofprompt|>": 200018})


def from_sentencepiece_bpe(source: bytes) -> bytes:
    """A SentencePiece BPE model. Encoding starts with `<s>`."""
    model = _read_sentencepiece(source, Algorithm.BPE)
    scores = {piece.text: piece.score for piece in model.pieces if piece.kind is Kind.NORMAL}
    bos = next(at for at, piece in enumerate(model.pieces) if piece.text == "<s>")
    return _document(
        added=_pieces_of(model, Kind.CONTROL, Kind.UNKNOWN, Kind.USER_DEFINED),
        normalizer=_METASPACED,
        pre_tokenizer=None,
        post_processor=_framed(("<s>", bos)),
        decoder=_FALLBACK_DECODER,
        model={
            **_BPE,
            "unk_token": next(piece.text for piece in model.pieces if piece.kind is Kind.UNKNOWN),
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece.text: at for at, piece in enumerate(model.pieces)},
            "merges": _merges_by_score(scores),
        },
    )


def from_sentencepiece_unigram(source: bytes) -> bytes:
    """A SentencePiece Unigram model as T5's are used: `</s>` ends a text, and 300 sentinels follow the vocabulary."""
    model = _read_sentencepiece(source, Algorithm.UNIGRAM)
    best = max(piece.score for piece in model.pieces if piece.kind is Kind.NORMAL)
    size = len(model.pieces)
    sentinels = [(size + at, f"<extra_id_{_EXTRA_IDS - 1 - at}>") for at in range(_EXTRA_IDS)]
    return _document(
        added=[*_pieces_of(model, Kind.CONTROL, Kind.UNKNOWN), *sentinels],
        normalizer=_METASPACED,
        pre_tokenizer=_NO_SPELLED_BYTES,
        post_processor=_framed(None, ("</s>", next(at for at, p in enumerate(model.pieces) if p.text == "</s>"))),
        decoder=_FALLBACK_DECODER,
        model={
            "type": "Unigram",
            "unk_id": next(at for at, piece in enumerate(model.pieces) if piece.kind is Kind.UNKNOWN),
            "vocab": [[piece.text, _unigram_score(piece, best)] for piece in model.pieces],
            "byte_fallback": True,
        },
    )


def from_zip(source: bytes) -> bytes:
    """A tokenizer.json that lies in a zip archive of its own."""
    try:
        with zipfile.ZipFile(io.BytesIO(source)) as archive:
            info = archive.getinfo("tokenizer.json")
            if info.file_size > _UNZIPPED_LIMIT:
                raise AssetError("a zipped tokenizer.json is larger than any tokenizer", hint="check the pinned list")
            return archive.read(info)
    except (KeyError, zipfile.BadZipFile) as error:
        raise AssetError("there is no zipped tokenizer.json", cause=str(error), hint="check the pinned list") from error


def from_wordpiece(source: bytes) -> bytes:
    """BERT's vocab.txt (uncased) as a WordPiece tokenizer."""
    # Not splitlines: a piece may be a character that it takes for the end of a line.
    pieces = source.decode("utf-8").removesuffix("\n").split("\n")
    vocab = {piece: token for token, piece in enumerate(pieces)}
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
    return _document(
        added=added,
        normalizer=None,
        pre_tokenizer=_BYTE_LEVEL,
        post_processor=None,
        decoder=_BYTE_LEVEL,
        model={**_BPE, "ignore_merges": False, "vocab": vocab, "merges": []},
    )


def as_it_is(source: bytes) -> bytes:
    """A file that is tokenizer.json already."""
    return source


FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "tokenizer.json": as_it_is,
    "tokenizer.json.zip": from_zip,
    "tekken": from_tekken,
    "tiktoken-cl100k": from_cl100k,
    "tiktoken-o200k": from_o200k,
    "sentencepiece-bpe": from_sentencepiece_bpe,
    "sentencepiece-unigram": from_sentencepiece_unigram,
    "wordpiece": from_wordpiece,
    "byte-tokens": from_byte_tokens,
}
"""How each published form becomes tokenizer.json."""


def _from_tiktoken(source: bytes, pattern: str, names: Mapping[str, int]) -> bytes:
    try:
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, source.splitlines())}
    except (ValueError, binascii.Error) as error:
        raise AssetError("a list of ranks can't be read", cause=str(error), hint="check the pinned list") from error
    # With the special tokens: their ids don't follow the last rank, and only a model's vocabulary can have gaps.
    vocab = {**{_spell(token): rank for token, rank in ranks.items()}, **names}
    return _by_ranks(ranks, pattern, vocab, added=[(at, name) for name, at in names.items()], post_processor=None)


def _by_ranks(ranks: dict[bytes, int], pattern: str, vocab: dict[str, int], **parts: Any) -> bytes:
    """A byte-level BPE that puts together whatever makes the token of the lowest rank."""
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return _document(
        added=parts["added"],
        normalizer=None,
        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, _BYTE_LEVEL]},
        post_processor=parts["post_processor"],
        decoder=_BYTE_LEVEL,
        model={**_BPE, "ignore_merges": True, "vocab": vocab, "merges": _merges(ranks)},
    )


def _read_sentencepiece(source: bytes, wanted: Algorithm) -> Model:
    model = read_model(source)
    if model.algorithm is not wanted:
        raise AssetError(
            f"a SentencePiece model is {model.algorithm.name}, not {wanted.name}", hint="change its form in the list"
        )
    return model


def _pieces_of(model: Model, *kinds: Kind) -> list[tuple[int, str]]:
    return [(at, piece.text) for at, piece in enumerate(model.pieces) if piece.kind in kinds]


def _unigram_score(piece: Piece, best: float) -> float:
    """A user-defined piece scores what SentencePiece gives it, so that it is always taken."""
    return len(piece.text.encode()) * best - 0.1 if piece.kind is Kind.USER_DEFINED else piece.score


def _merges_by_score(scores: Mapping[str, float]) -> list[list[str]]:
    """Every way to put a piece together from two others, best score first.

    Where scores are equal SentencePiece takes the leftmost pair, and a list of merges can't say so. Only runs of
    spaces have equal scores, they grow from the left, and the pair with the longest first half is then the leftmost.
    """
    merges = [
        (-scores[piece], -cut, piece[:cut], piece[cut:])
        for piece in scores
        for cut in range(1, len(piece))
        if piece[:cut] in scores and piece[cut:] in scores
    ]
    return [[left, right] for _, _, left, right in sorted(merges)]


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


def _framed(first: tuple[str, int] | None, last: tuple[str, int] | None = None) -> dict[str, Any]:
    """A post-processor that puts a special token before a text, or after it, or both."""
    head, tail = (
        [{"SpecialToken": {"id": frame[0], "type_id": 0}}] if frame is not None else [] for frame in (first, last)
    )
    single = [*head, {"Sequence": {"id": "A", "type_id": 0}}, *tail]
    frames = [frame for frame in (first, last) if frame is not None]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, *tail],
        "special_tokens": {name: {"id": name, "ids": [token], "tokens": [name]} for name, token in frames},
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
