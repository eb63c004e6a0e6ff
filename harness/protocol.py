"""What an implementation offers to be judged: the `Backend` protocol and its capabilities."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from harness.model import DetokenizeRequest, TokenizeRequest


@runtime_checkable
class Backend(Protocol):
    """A tokenizer and streaming detokenizer.

    Every method but `close` is a capability: a backend without `tokenize` is judged on `detokenize`
    alone, one without `abort` on the programs that never abort, and the report says so.
    """

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> Sequence[Sequence[int]]:
        """Encode a batch of prompts: one list of token ids a request, in the same order."""
        ...

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> Sequence[str]:
        """Feed a batch of tokens: one chunk of new text a request, in the same order."""
        ...

    def abort(self, uid: int) -> None:
        """Forget the stream `uid`: its next message starts afresh."""
        ...

    def close(self) -> None:
        """Let go of everything held."""
        ...


Factory: TypeAlias = Callable[[pathlib.Path], Backend]
"""Makes a backend from a folder with tokenizer.json, tokenizer_config.json and, where there is one,
chat_template.jinja."""
