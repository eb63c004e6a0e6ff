"""The backend: reads a tokenizer folder and puts the detokenizer of its decoder's family behind one face."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from tokenizers import AddedToken, Tokenizer

from harness.model import DetokenizeRequest, Prompt, TokenizeRequest
from impls.python.bytefallback import ByteFallbackDetokenizer
from impls.python.bytelevel import ByteLevelDetokenizer
from impls.python.chat import ChatTemplate
from impls.python.vocabulary import byte_level_table, fallback_decoder, is_byte_level, read_pieces
from impls.python.window import WindowDetokenizer

ID_LIMIT: Final = 2**32
"""Token ids are unsigned 32-bit numbers."""

SPECIAL_TOKENS: Final = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)


class Detokenizer(Protocol):
    """What each decoder family implements."""

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch: one chunk a request. A uid given twice is answered in order."""
        ...

    def forget(self, uid: int) -> None:
        """Drop the stream `uid`, if there is one."""
        ...

    def close(self) -> None:
        """Drop all streams."""
        ...


class PythonBackend:
    """The tokenizer and streaming detokenizer of one tokenizer folder."""

    def __init__(self, tokenizer: Tokenizer, detokenizer: Detokenizer, template: ChatTemplate | None = None) -> None:
        self._tokenizer = tokenizer
        self._detokenizer = detokenizer
        self._template = template

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """Encode a batch of prompts, special tokens added: one list of ids a request."""
        texts = [self._text(request.prompt) for request in requests]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch of tokens: one chunk of new text a request.

        Raises `ValueError` for a token that isn't an id; no stream has changed then.
        """
        for request in requests:
            if not 0 <= request.next_token < ID_LIMIT:
                raise ValueError(
                    f"uid {request.uid}: {request.next_token} is not a token id; ids are from 0 to 2**32 - 1"
                )
        return self._detokenizer.detokenize(requests)

    def abort(self, uid: int) -> None:
        """Forget the stream `uid`: its next message starts afresh."""
        self._detokenizer.forget(uid)

    def close(self) -> None:
        """Forget all streams."""
        self._detokenizer.close()

    def _text(self, prompt: Prompt) -> str:
        if isinstance(prompt, str):
            return prompt
        if self._template is None:
            raise ValueError("a conversation was given, but the tokenizer has no chat template")
        return self._template.render(prompt)


def factory(tokenizer_dir: pathlib.Path) -> PythonBackend:
    """The backend for a folder with tokenizer.json, tokenizer_config.json and perhaps chat_template.jinja."""
    config: Mapping[str, Any] = json.loads((tokenizer_dir / "tokenizer_config.json").read_text(encoding="utf-8"))
    source = (tokenizer_dir / "tokenizer.json").read_text(encoding="utf-8")
    special_tokens = _special_tokens(config)
    tokenizer = _load_tokenizer(source, special_tokens)
    eos = special_tokens.get("eos_token")
    eos_id = tokenizer.token_to_id(eos.content) if eos else None
    detokenizer = _make_detokenizer(tokenizer, json.loads(source).get("decoder"), eos_id)
    return PythonBackend(tokenizer, detokenizer, _load_template(tokenizer_dir, config, special_tokens))


def _special_tokens(config: Mapping[str, Any]) -> dict[str, AddedToken]:
    """The special tokens that the configuration names, each a string or a map with the key `content`."""
    tokens: dict[str, AddedToken] = {}
    for name in SPECIAL_TOKENS:
        value = config.get(name)
        if isinstance(value, str):
            tokens[name] = AddedToken(value, special=True, normalized=False)
        elif isinstance(value, dict):
            options = ("single_word", "lstrip", "rstrip", "normalized")
            flags: dict[str, bool] = {key: value[key] for key in options if key in value}
            tokens[name] = AddedToken(value["content"], special=True, **flags)
    return tokens


def _load_tokenizer(source: str, special_tokens: Mapping[str, AddedToken]) -> Tokenizer:
    tokenizer = Tokenizer.from_str(source)
    # A prompt is never cut or filled up, whatever the file says.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # Like transformers: a special token that the file doesn't know as one is made one.
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokenizer.add_special_tokens([token for token in special_tokens.values() if token.content not in added])
    return tokenizer


def _make_detokenizer(tokenizer: Tokenizer, decoder: Mapping[str, Any] | None, eos_id: int | None) -> Detokenizer:
    pieces = read_pieces(tokenizer)
    if is_byte_level(decoder):
        return ByteLevelDetokenizer(byte_level_table(pieces), eos_id)
    fallback = fallback_decoder(decoder)
    if fallback is not None:
        return ByteFallbackDetokenizer(fallback.table(pieces), eos_id)
    return WindowDetokenizer(tokenizer, pieces, eos_id)


def _load_template(
    folder: pathlib.Path, config: Mapping[str, Any], special_tokens: Mapping[str, AddedToken]
) -> ChatTemplate | None:
    """The template of the file, or else the (default) one of the configuration."""
    path = folder / "chat_template.jinja"
    source: Any = path.read_text(encoding="utf-8") if path.is_file() else config.get("chat_template")
    if source is not None and not isinstance(source, str):
        source = {entry["name"]: entry["template"] for entry in source}.get("default")
    if source is None:
        return None
    return ChatTemplate(source, {name: token.content for name, token in special_tokens.items()})
