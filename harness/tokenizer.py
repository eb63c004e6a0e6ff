"""Loading of tokenizer folders; the only module that imports `tokenizers` and `transformers`."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Protocol

from harness.errors import UnknownTokenizer
from harness.model import Prompt, TokenView

FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


class Codec(Protocol):
    """The reference's own view of a tokenizer: what the oracle is computed from."""

    eos_id: int

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids of a prompt, special tokens added; a conversation is rendered first."""
        ...

    def decode_batch(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence of ids, special tokens shown."""
        ...


@dataclass(frozen=True, slots=True)
class Stages:
    """A prompt as text, normalised, split before the model, and as its ids are decoded.

    The middle two are of the whole text, added tokens in it included.
    """

    text: str
    normalised: str
    splits: tuple[str, ...]
    decoded: str


class TransformersCodec:
    """A folder's tokenizer as the reference sees it, through transformers.

    tokenizer.json is loaded as it is: `AutoTokenizer` may rebuild the pipeline from a declared class
    and then disagree with the file. With `auto` that is what is wanted: to see what it does.
    """

    def __init__(self, folder: pathlib.Path, *, auto: bool = False) -> None:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import transformers  # the `oracle` extra; slow to import

        config = read_config(folder)
        special = {key: value for key, value in config.items() if key in ("eos_token", "bos_token")}
        self._tokenizer: Any = (
            transformers.AutoTokenizer.from_pretrained(str(folder))
            if auto
            else transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special)
        )
        template = folder / "chat_template.jinja"
        if template.is_file():
            self._tokenizer.chat_template = template.read_text(encoding="utf-8")
        self.eos_id: int = self._tokenizer.eos_token_id

    @property
    def has_template(self) -> bool:
        """Whether conversations can be rendered."""
        return self._tokenizer.chat_template is not None

    def render(self, messages: Sequence[dict[str, str]]) -> str:
        """A conversation as the text that the template makes of it, generation prompt added."""
        text: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def renders(self, messages: Sequence[dict[str, str]]) -> bool:
        """Whether the template takes a conversation; transformers refuses one without messages itself."""
        from jinja2 import TemplateError

        if not messages:
            return False
        try:
            self.render(messages)
        except TemplateError:
            return False
        return True

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids of a prompt, special tokens added; a conversation is rendered first."""
        text = prompt if isinstance(prompt, str) else self.render([dict(m) for m in prompt])
        ids: list[int] = self._tokenizer.encode(text)
        return ids

    def decode_batch(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence of ids, special tokens shown, default clean-up."""
        if not sequences:  # transformers answers [''] to no sequences
            return []
        texts: list[str] = self._tokenizer.batch_decode(sequences)
        return texts

    @property
    def pipeline(self) -> dict[str, Any]:
        """The pipeline as it was loaded, in the form of tokenizer.json, and what else decides how text is decoded."""
        return {
            **_pipeline(self._tokenizer.backend_tokenizer),
            "clean_up": self._tokenizer.clean_up_tokenization_spaces,
        }

    def stages(self, prompt: Prompt) -> Stages:
        """What becomes of a prompt on its way to ids and back."""
        text = prompt if isinstance(prompt, str) else self.render([dict(m) for m in prompt])
        return _stages(self._tokenizer.backend_tokenizer, text, self.decode_batch([self.encode(text)])[0])

    def probe(self, text: str) -> tuple[list[int], Stages]:
        """The ids of a text and how it came to them, not decoded: for very many texts."""
        return _probe(self._tokenizer.backend_tokenizer, text)


class LibraryCodec:
    """A folder's tokenizer as the library `tokenizers` has it: quicker than through transformers, without templates."""

    has_template = False

    def __init__(self, folder: pathlib.Path, eos_id: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.eos_id = eos_id

    def renders(self, messages: Sequence[dict[str, str]]) -> bool:
        """There are no templates."""
        return False

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids of a text, special tokens added."""
        ids: list[int] = self._tokenizer.encode(prompt).ids
        return ids

    def decode_batch(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence of ids, special tokens shown."""
        texts: list[str] = self._tokenizer.decode_batch(sequences, skip_special_tokens=False)
        return texts

    @property
    def pipeline(self) -> dict[str, Any]:
        """The pipeline as it was loaded, in the form of tokenizer.json."""
        return _pipeline(self._tokenizer)

    def stages(self, prompt: Prompt) -> Stages:
        """What becomes of a text on its way to ids and back."""
        assert isinstance(prompt, str)
        return _stages(self._tokenizer, prompt, self.decode_batch([self.encode(prompt)])[0])

    def probe(self, text: str) -> tuple[list[int], Stages]:
        """The ids of a text and how it came to them, not decoded: for very many texts."""
        return _probe(self._tokenizer, text)


@dataclass(frozen=True)
class Vocabulary:
    """What each id of a tokenizer stands for; made from tokenizer.json alone.

    `pieces` maps an id to its piece, `specials` are the ids of added tokens, `family` is the decoder's:
    `byte-level`, `byte-fallback` or `other`.
    """

    pieces: dict[int, str]
    specials: frozenset[int]
    family: str
    eos_id: int

    @property
    def size(self) -> int:
        """One more than the highest id."""
        return max(self.pieces) + 1

    @cached_property
    def bytes_by_id(self) -> dict[int, bytes]:
        """The bytes that each id adds to a stream, before any rewriting by the decoder."""
        return {token: self._bytes(piece) for token, piece in self.pieces.items()}

    @cached_property
    def id_by_bytes(self) -> dict[bytes, int]:
        """The ordinary token for a run of bytes; for a single byte its byte token, where there is one."""
        found = {self.bytes_by_id[token]: token for token in sorted(self.pieces, reverse=True)}
        for token in self.specials:
            if found.get(self.bytes_by_id[token]) == token:
                del found[self.bytes_by_id[token]]
        if self.family == "byte-fallback":
            pieces = {piece: token for token, piece in self.pieces.items()}
            found.update({bytes([byte]): pieces[f"<0x{byte:02X}>"] for byte in range(256)})
        return found

    @cached_property
    def byte_tokens(self) -> frozenset[int]:
        """The ids that a byte_fallback decoder joins with their neighbours, such as `<0xE4>`."""
        if self.family != "byte-fallback":
            return frozenset()
        return frozenset(token for token, piece in self.pieces.items() if _is_byte_token(piece))

    @cached_property
    def partial(self) -> tuple[int, ...]:
        """The ids whose bytes are not text by themselves."""
        return tuple(token for token in sorted(self.pieces) if not _is_text(self.bytes_by_id[token]))

    @cached_property
    def partial_set(self) -> frozenset[int]:
        """`partial`, to be looked up in."""
        return frozenset(self.partial)

    def view(self, token: int) -> TokenView:
        """A token made readable; an id outside the vocabulary has neither piece nor bytes."""
        return TokenView(token, self.pieces.get(token, ""), self.bytes_by_id.get(token, b"").hex(" "))

    def _bytes(self, piece: str) -> bytes:
        if self.family == "byte-level":
            # Added tokens too: DeepSeek LLM has `þ` as one, and the decoder makes a byte FE of it.
            if all(char in _BYTE_OF_CHAR for char in piece):
                return bytes(_BYTE_OF_CHAR[char] for char in piece)
        elif self.family == "byte-fallback":
            if _is_byte_token(piece):
                return bytes.fromhex(piece[3:5])
            return piece.replace("▁", " ").encode()
        return piece.encode()


def load_vocabulary(folder: pathlib.Path) -> Vocabulary:
    """Read the vocabulary of a tokenizer folder. Raises `UnknownTokenizer` if it isn't one."""
    check_folder(folder)
    from tokenizers import Tokenizer

    config = read_config(folder)
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises bare Exception for any malformed file
        raise UnknownTokenizer(
            f"{folder / 'tokenizer.json'} can't be loaded", cause=str(error), hint="check the file"
        ) from error
    pieces = {token: piece for piece, token in tokenizer.get_vocab(with_added_tokens=True).items()}
    specials = frozenset(tokenizer.get_added_tokens_decoder())
    eos = _content(config.get("eos_token"))
    eos_id = tokenizer.token_to_id(eos) if eos else None
    if eos_id is None:
        raise UnknownTokenizer(
            f"{folder} names no eos_token that its vocabulary has",
            cause=f"tokenizer_config.json has eos_token {config.get('eos_token')!r}",
            hint="set eos_token in tokenizer_config.json to a token of the vocabulary",
        )
    decoder = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")).get("decoder") or {}
    return Vocabulary(pieces, specials, _family(decoder), eos_id)


def check_folder(folder: pathlib.Path) -> None:
    """Raise `UnknownTokenizer` if the folder lacks a file that a tokenizer needs."""
    for name in FILES[:2]:
        if not (folder / name).is_file():
            raise UnknownTokenizer(
                f"{folder} is not a tokenizer folder",
                cause=f"there is no {name} in it",
                hint="name a folder with both files in it, or a pinned tokenizer (`parity list`)",
            )


def read_config(folder: pathlib.Path) -> dict[str, Any]:
    """tokenizer_config.json as a mapping. Raises `UnknownTokenizer` if it isn't one."""
    path = folder / "tokenizer_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnknownTokenizer(f"{path} can't be read", cause=str(error), hint="check the file") from error
    if not isinstance(config, dict):
        raise UnknownTokenizer(f"{path} is not a JSON object", hint="check the file")
    return config


def _is_byte_token(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")


def _pipeline(tokenizer: Any) -> dict[str, Any]:
    pipeline: dict[str, Any] = json.loads(tokenizer.to_str())
    return pipeline


def _stages(tokenizer: Any, text: str, decoded: str) -> Stages:
    normalised = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer is not None else text
    splitter = tokenizer.pre_tokenizer
    splits = [part for part, _ in splitter.pre_tokenize_str(normalised)] if splitter is not None else [normalised]
    return Stages(text, normalised, tuple(splits), decoded)


def _probe(tokenizer: Any, text: str) -> tuple[list[int], Stages]:
    return tokenizer.encode(text).ids, _stages(tokenizer, text, "")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _content(token: object) -> str:
    if isinstance(token, dict):
        token = token.get("content", "")
    return token if isinstance(token, str) else ""


def _family(decoder: dict[str, Any]) -> str:
    kinds = {decoder.get("type")} | {part.get("type") for part in decoder.get("decoders", [])}
    if "ByteLevel" in kinds:
        return "byte-level"
    if "ByteFallback" in kinds:
        return "byte-fallback"
    return "other"


@cache
def byte_chars() -> tuple[str, ...]:
    """The printable character that a byte-level vocabulary writes for each byte."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in printable]
    return tuple(chr(byte if byte in printable else 0x100 + hidden.index(byte)) for byte in range(256))


_BYTE_OF_CHAR = {char: byte for byte, char in enumerate(byte_chars())}
