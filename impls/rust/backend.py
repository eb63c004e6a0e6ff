"""`minisgl_tokenizer` behind the face that the harness and the worker know."""

from __future__ import annotations

import pathlib
from array import array
from collections.abc import Sequence

from minisgl_tokenizer import TokenizerWorker

from harness.model import DetokenizeRequest, TokenizeRequest


class RustBackend:
    """The Rust tokenizer, fed with the requests as they are."""

    def __init__(self, tokenizer_dir: pathlib.Path) -> None:
        self._worker = TokenizerWorker(tokenizer_dir)

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[memoryview[int]]:
        """Encode a batch of prompts: an array of int32 a request."""
        return self._worker.tokenize(requests)

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch of tokens: one chunk of new text a request."""
        return self._worker.detokenize(requests)

    def detokenize_columns(self, uids: array[int], tokens: array[int], finished: bytes) -> list[str]:
        """`detokenize` for a batch in columns."""
        return self._worker.detokenize_columns(uids, tokens, finished)

    def abort(self, uid: int) -> None:
        """Forget the stream `uid`."""
        self._worker.abort(uid)

    def close(self) -> None:
        """Nothing is open but memory."""


class RustColumnsBackend:
    """The Rust tokenizer, fed with the requests as columns."""

    def __init__(self, tokenizer_dir: pathlib.Path) -> None:
        self._worker = TokenizerWorker(tokenizer_dir)

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[memoryview[int]]:
        """Encode a batch of prompts: an array of int32 a request."""
        return self._worker.tokenize(requests)

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch of tokens: one chunk of new text a request."""
        return self._worker.detokenize_columns(
            array("q", [request.uid for request in requests]),
            array("q", [request.next_token for request in requests]),
            bytes([request.finished for request in requests]),
        )

    def abort(self, uid: int) -> None:
        """Forget the stream `uid`."""
        self._worker.abort(uid)


def factory(tokenizer_dir: pathlib.Path) -> RustBackend:
    """The Rust tokenizer of a folder."""
    return RustBackend(tokenizer_dir)


def columns_factory(tokenizer_dir: pathlib.Path) -> RustColumnsBackend:
    """The same, fed with columns of tokens."""
    return RustColumnsBackend(tokenizer_dir)
