"""Tiny tokenizers, one for each decoder family, and the reference's algorithm restated over them."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from harness.model import DetokenizeRequest

EOS = "<eos>"
BEYOND = 1_000_000
"""An id that is in no vocabulary."""


def byte_level(more: Sequence[str] = ()) -> Tokenizer:
    """All 256 bytes; parts of characters; a literal U+FFFD; spaces; specials in and out of the alphabet.

    `more` are pieces in the byte-level alphabet.
    """
    codec = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = dict(zip(byte_alphabet(), range(256), strict=True))
    whole = ["ab", " a", " ", "関", "x関", "é", "\ufffd", " \ufffd", "関\ufffd", "\n", " 日", "👍"]
    partial = [
        "関".encode() + b"\xef\xbf",
        b"\xe9\x96",
        b"\x96\xa2",
        b"a\xe9",
        b"\x96\xa2\xe9",
        b" \xf0\x9f",
        b"\xe9\x96\xa2\xc3",
        b"\x91\x8d b",
    ]
    pieces = [byte_piece(data) for data in [*(text.encode() for text in whole), *partial]]
    vocab = _with_gap(alphabet, [piece for piece in [*pieces, *more] if piece not in alphabet])
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = codec
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([EOS, "<｜x｜>", "<é>", "two words"])
    tokenizer.add_tokens([AddedToken("Ġadded"), AddedToken("\ufffd")])
    return tokenizer


def byte_fallback(*, strip: bool = True) -> Tokenizer:
    """A token for each byte, and text tokens with leading, inner and no space, an empty and a U+FFFD one."""
    vocab = {f"<0x{byte:02X}>": byte for byte in range(256)}
    texts = ["▁", "▁a", "a", "▁▁", "a▁b", "é", "関", "", "\ufffd", "x\ufffd", "▁\ufffd", "関\ufffd", "\n"]
    vocab = _with_gap(vocab, texts)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], byte_fallback=True))
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)
    tokenizer.add_special_tokens([EOS, "<s>", "▁special"])
    return tokenizer


def word_piece() -> Tokenizer:
    """Words, continuations and punctuation that the clean-up pulls to the word before."""
    words = [
        "[UNK]",
        "he",
        "##llo",
        "関",
        "関\ufffd",
        "\ufffd",
        "##\ufffd",
        ".",
        ",",
        "'",
        "s",
        "do",
        "n't",
        "##",
        "'s",
        "\n",
    ]
    tokenizer = Tokenizer(models.WordPiece(vocab={word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.add_special_tokens([EOS])
    return tokenizer


def no_decoder() -> Tokenizer:
    """Words joined by spaces: what a tokenizer without a decoder answers."""
    words = ["[UNK]", "a", "b", "", "\ufffd", "関", "関\ufffd", " ", "c\n"]
    tokenizer = Tokenizer(models.WordLevel(vocab={word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens([EOS])
    return tokenizer


TINY: dict[str, Callable[[], Tokenizer]] = {
    "byte_level": byte_level,
    "byte_fallback": byte_fallback,
    "byte_fallback_without_strip": lambda: byte_fallback(strip=False),
    "word_piece": word_piece,
    "no_decoder": no_decoder,
}


def byte_alphabet() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in kept else chr(next(others)) for byte in range(256)]


def id_of(tokenizer: Tokenizer, piece: str) -> int:
    """The id of a piece that the tokenizer must have."""
    token = tokenizer.token_to_id(piece)
    assert token is not None, piece
    return token


def byte_piece(data: bytes) -> str:
    """The piece that stands for `data` in a byte-level vocabulary."""
    alphabet = byte_alphabet()
    return "".join(alphabet[byte] for byte in data)


def _with_gap(single_bytes: dict[str, int], pieces: list[str]) -> dict[str, int]:
    """A vocabulary without the ids 256 to 259.

    Added tokens get the ids from its size on, so the last four pieces lose theirs: they stand for nothing.
    """
    fillers = [f"filler {i}" for i in range(4)]
    return single_bytes | {piece: 260 + i for i, piece in enumerate([*pieces, *fillers])}


def save(tokenizer: Tokenizer, folder: pathlib.Path, **config: Any) -> pathlib.Path:
    """A tokenizer folder, with `config` besides the end-of-stream token in tokenizer_config.json."""
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    content = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": EOS} | config
    (folder / "tokenizer_config.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


_IDEOGRAPH = re.compile(
    "[\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f"
    "\U0002b820-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f]"
)


def _printable(text: str) -> str:
    if text.endswith("\n") or _IDEOGRAPH.match(text[-1:]):
        return text
    if _IDEOGRAPH.match(text[-2:-1]):
        return text[:-1]
    return text[: text.rfind(" ") + 1]


class Naive:
    """The reference's algorithm, word for word: nothing is trimmed, each window is decoded as a whole."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._eos_id = tokenizer.token_to_id(EOS)
        self._streams: dict[int, dict[str, Any]] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch whose uids are distinct."""
        streams: list[dict[str, Any]] = []
        for request in requests:
            fresh = {"ids": [], "text": "", "surr": 0, "read": 0, "sent": 0}
            stream = self._streams.setdefault(request.uid, fresh)
            if not (request.finished and request.next_token == self._eos_id):
                stream["ids"].append(request.next_token)
            streams.append(stream)
        windows = self._decode([s["ids"][s["surr"] :] for s in streams])
        prefixes = self._decode([s["ids"][s["surr"] : s["read"]] for s in streams])
        chunks: list[str] = []
        for request, s, window, prefix in zip(requests, streams, windows, prefixes, strict=True):
            new = window[len(prefix) :]
            if new and not new.endswith("\ufffd"):
                output = s["text"] = s["text"] + new
                s["surr"], s["read"] = s["read"], len(s["ids"])
            else:
                output = s["text"] + _printable(new)
            chunks.append(output[s["sent"] :])
            s["sent"] = len(output)
            if request.finished:
                del self._streams[request.uid]
        return chunks

    def _decode(self, windows: list[list[int]]) -> list[str]:
        # One by one: handing small windows to threads takes longer than decoding them.
        return [self._tokenizer.decode(window, skip_special_tokens=False) for window in windows]
