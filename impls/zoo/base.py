"""What every bug of the zoo deviates from: a correct tokenizer and detokenizer in parts that can be replaced.

Put together as they are, the parts answer what the reference answers. A file of the zoo replaces one of them by what
the project did that had the bug, so that nothing but the bug is seen.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeAlias

from tokenizers import Tokenizer

from harness.model import DetokenizeRequest, Prompt, TokenizeRequest
from impls.python.chat import ChatTemplate
from impls.python.printable import REPLACEMENT, printable_length
from impls.python.vocabulary import byte_level_table, fallback_decoder, read_pieces

ID_LIMIT = 2**32

Decode: TypeAlias = Callable[[Sequence[int]], str]
"""The text of a list of ids."""


# --- a tokenizer folder ---------------------------------------------------------------------------------


def load(folder: pathlib.Path) -> Tokenizer:
    """A folder's tokenizer, the caller's own to change."""
    return Tokenizer.from_str(_source(folder))


@cache
def tokenizer_of(folder: pathlib.Path) -> Tokenizer:
    """A folder's tokenizer, shared: not to be changed."""
    return load(folder)


@cache
def config_of(folder: pathlib.Path) -> dict[str, Any]:
    """A folder's tokenizer.json as a mapping. Not to be changed."""
    config: dict[str, Any] = json.loads(_source(folder))
    return config


@cache
def eos_of(folder: pathlib.Path) -> int:
    """The id of a folder's EOS token."""
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    eos = tokenizer_of(folder).token_to_id(config["eos_token"])
    assert eos is not None
    return eos


@cache
def pieces_of(folder: pathlib.Path) -> Sequence[str | None]:
    """The piece of each id, None in gaps."""
    return read_pieces(tokenizer_of(folder))


@cache
def bytes_of(folder: pathlib.Path) -> Sequence[bytes]:
    """The bytes of each id of a byte-level tokenizer; none in gaps."""
    return byte_level_table(pieces_of(folder)).bytes_of


@cache
def texts_of(folder: pathlib.Path) -> Sequence[str | bytes | None]:
    """The text of each id of a byte_fallback tokenizer, or the one byte of a byte token; None in gaps."""
    decoder = fallback_decoder(config_of(folder)["decoder"])
    assert decoder is not None
    return decoder.table(pieces_of(folder)).pieces


def specials_of(folder: pathlib.Path) -> frozenset[int]:
    """The ids of a folder's added tokens."""
    return frozenset(tokenizer_of(folder).get_added_tokens_decoder())


def decode_of(folder: pathlib.Path) -> Decode:
    """Decoding as the reference does: special tokens shown, ids outside the vocabulary left out."""
    tokenizer = tokenizer_of(folder)
    return lambda ids: tokenizer.decode(ids, skip_special_tokens=False)


def entry(items: Sequence[Any], token: int) -> Any:
    """What a table has for an id, None if the id is outside it."""
    return items[token] if token < len(items) else None


@cache
def _source(folder: pathlib.Path) -> str:
    return (folder / "tokenizer.json").read_text(encoding="utf-8")


# --- streams --------------------------------------------------------------------------------------------


class Stream(Protocol):
    """The state of one uid."""

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token; None stands for an EOS that ends the stream and adds nothing."""
        ...


def after_prefix(window: str, prefix: str) -> str:
    """The new text: the window less as many code points as the prefix has."""
    return window[len(prefix) :]


def ends_in_replacement(text: str) -> bool:
    """Whether a new text may still change."""
    return text.endswith(REPLACEMENT)


def printable(text: str) -> int:
    """How much of a text that may still change is shown all the same."""
    return printable_length(text)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a stream makes chunks of ids."""

    decode: Decode
    new_text: Callable[[str, str], str] = after_prefix
    is_held: Callable[[str], bool] = ends_in_replacement
    shown: Callable[[str], int] = printable


@dataclass(slots=True)
class Window:
    """A stream as the reference has it: `ids`, of which the first `prefix` are committed, decoded again and again."""

    rules: Rules
    ids: list[int] = field(default_factory=list)
    prefix: int = 0
    sent: int = 0

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        if token is None:
            return ""
        self.ids.append(token)
        return self.advance(self.new_text())

    def new_text(self) -> str:
        """The text that isn't committed."""
        decode = self.rules.decode
        return self.rules.new_text(decode(self.ids), decode(self.ids[: self.prefix]))

    def advance(self, new: str) -> str:
        """The chunk for a new text, which is committed if it can be."""
        if new and not self.rules.is_held(new):
            chunk = new[self.sent :]
            self.ids, self.prefix, self.sent = self.ids[self.prefix :], len(self.ids) - self.prefix, 0
            return chunk
        shown = self.rules.shown(new)
        chunk, self.sent = new[self.sent : shown], shown
        return chunk


@dataclass(frozen=True, slots=True)
class Alone:
    """A stream that decodes each token by itself."""

    decode: Decode

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        return "" if token is None else self.decode([token])


class Detokenizer:
    """A stream for each uid, made when it is first seen and dropped when it finishes or is given up."""

    def __init__(
        self, open_stream: Callable[[], Stream], eos_id: int, streams: MutableMapping[int, Stream] | None = None
    ) -> None:
        self.open = open_stream
        self._eos_id = eos_id
        self.streams: MutableMapping[int, Stream] = {} if streams is None else streams

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch of tokens: one chunk a request. Refuses the batch if an id is none."""
        check_ids(requests)
        return [self.answer(request) for request in requests]

    def answer(self, request: DetokenizeRequest) -> str:
        """The chunk of one message."""
        stream = self.streams.get(request.uid)
        if stream is None:
            stream = self.streams[request.uid] = self.open()
        chunk = stream.feed(self.token_of(request), last=request.finished)
        if request.finished:
            self.streams.pop(request.uid, None)
        return chunk

    def token_of(self, request: DetokenizeRequest) -> int | None:
        """The token that a message adds: none if it is the EOS that ends its stream."""
        return None if request.finished and request.next_token == self._eos_id else request.next_token

    def abort(self, uid: int) -> None:
        """Forget a stream."""
        self.streams.pop(uid, None)

    def close(self) -> None:
        """Forget all streams."""
        self.streams.clear()


def _forget(inner: Detokenizer, uid: int) -> None:
    inner.abort(uid)


@dataclass(frozen=True, slots=True)
class Around:
    """A detokenizer that is called otherwise: `call` answers a batch with it, `forget` gives a uid up."""

    inner: Detokenizer
    call: Callable[[Detokenizer, Sequence[DetokenizeRequest]], list[Any]] = Detokenizer.detokenize
    forget: Callable[[Detokenizer, int], None] = _forget

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[Any]:
        """Feed a batch of tokens: one chunk a request."""
        return self.call(self.inner, requests)

    def abort(self, uid: int) -> None:
        """Forget a stream."""
        self.forget(self.inner, uid)

    def close(self) -> None:
        """Forget all streams."""
        self.inner.close()


def check_ids(requests: Sequence[DetokenizeRequest]) -> None:
    """Raise `ValueError` if a token isn't an id."""
    for request in requests:
        if not 0 <= request.next_token < ID_LIMIT:
            raise ValueError(f"{request.next_token} is not a token id")


def windows(
    folder: pathlib.Path,
    *,
    decode: Decode | None = None,
    new_text: Callable[[str, str], str] = after_prefix,
    is_held: Callable[[str], bool] = ends_in_replacement,
    shown: Callable[[str], int] = printable,
    eos_id: int | None = None,
) -> Detokenizer:
    """The reference's detokenizer, with the parts that are given replaced."""
    rules = Rules(decode or decode_of(folder), new_text, is_held, shown)
    return Detokenizer(lambda: Window(rules), eos_of(folder) if eos_id is None else eos_id)


# --- prompts --------------------------------------------------------------------------------------------


class Encoder:
    """Encodes prompts, a conversation by the folder's chat template."""

    def __init__(self, folder: pathlib.Path, tokenizer: Tokenizer | None = None) -> None:
        self.tokenizer = tokenizer or tokenizer_of(folder)
        self._template = _template(folder)

    def text(self, prompt: Prompt) -> str:
        """The text of a prompt."""
        if isinstance(prompt, str):
            return prompt
        assert self._template is not None, "the tokenizer has no chat template"
        return self._template.render(prompt)

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """The ids of each prompt, special tokens added."""
        return [self.tokenizer.encode(self.text(request.prompt)).ids for request in requests]

    def close(self) -> None:
        """Nothing is held."""


def _template(folder: pathlib.Path) -> ChatTemplate | None:
    path = folder / "chat_template.jinja"
    if not path.is_file():
        return None
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    names = {key: value for key, value in config.items() if key.endswith("_token") and isinstance(value, str)}
    return ChatTemplate(path.read_text(encoding="utf-8"), names)
