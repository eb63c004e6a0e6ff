"""A back end of two: prompts are encoded in Rust, streams are detokenized in Python."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest, TokenizeRequest
from impls.python import factory as python_factory
from impls.rust import factory as rust_factory


class HalvesBackend:
    """Encodes with the one, detokenizes with the other."""

    def __init__(self, tokenizer_dir: pathlib.Path) -> None:
        self._encoder = rust_factory(tokenizer_dir)
        self._streams = python_factory(tokenizer_dir)

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> Sequence[Sequence[int]]:
        """Encode a batch of prompts, in Rust."""
        return self._encoder.tokenize(requests)

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch of tokens, in Python."""
        return self._streams.detokenize(requests)

    def abort(self, uid: int) -> None:
        """Forget the stream `uid`."""
        self._streams.abort(uid)

    def close(self) -> None:
        """Forget all streams."""
        self._streams.close()


def factory(tokenizer_dir: pathlib.Path) -> HalvesBackend:
    """The two halves for a tokenizer's folder."""
    return HalvesBackend(tokenizer_dir)
