"""The two profiles of the oracle as implementations, so that the laws can judge them.

`reference` is the reference as it is: it has no abort, so that an abort leaves the stream behind,
and it takes a uid twice in a batch.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest, TokenizeRequest
from harness.oracle import IdealDetokenizer, ReferenceDetokenizer
from harness.tokenizer import TransformersCodec, load_vocabulary


class OracleBackend:
    """A profile of the oracle with the tokenizer that both share."""

    def __init__(self, codec: TransformersCodec, detokenizer: ReferenceDetokenizer | IdealDetokenizer) -> None:
        self._codec = codec
        self._detokenizer = detokenizer

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """Encode prompt by prompt."""
        return [self._codec.encode(request.prompt) for request in requests]

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk a request."""
        return self._detokenizer.detokenize(requests)

    def abort(self, uid: int) -> None:
        """Forget a uid, if the profile is one that does."""
        if isinstance(self._detokenizer, IdealDetokenizer):
            self._detokenizer.abort(uid)

    def close(self) -> None:
        """Nothing is held."""


def factory(folder: pathlib.Path) -> OracleBackend:
    """The reference as it is."""
    codec = TransformersCodec(folder)
    return OracleBackend(codec, ReferenceDetokenizer(codec))


def ideal_factory(folder: pathlib.Path) -> OracleBackend:
    """The profile that keeps every law."""
    codec = TransformersCodec(folder)
    return OracleBackend(codec, IdealDetokenizer(codec, load_vocabulary(folder)))
