"""The streaming decoder of the `tokenizers` library: one `DecodeStream` a uid.

It has no finish: what it holds back then can't be had.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from harness.model import DetokenizeRequest


class DecodeStreamBackend:
    """A `DecodeStream` for each uid, and the suppression of EOS that it leaves to its user."""

    def __init__(self, tokenizer: Tokenizer, eos_id: int | None) -> None:
        self._tokenizer = tokenizer
        self._eos_id = eos_id
        self._streams: dict[int, DecodeStream] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk a request."""
        return [self._step(request) for request in requests]

    def abort(self, uid: int) -> None:
        """Forget a uid."""
        self._streams.pop(uid, None)

    def _step(self, request: DetokenizeRequest) -> str:
        stream = self._streams.setdefault(request.uid, DecodeStream(skip_special_tokens=False))
        if request.finished:
            del self._streams[request.uid]
            if request.next_token == self._eos_id:
                return ""
        return stream.step(self._tokenizer, request.next_token) or ""


def factory(folder: pathlib.Path) -> DecodeStreamBackend:
    """The adapter for a tokenizer folder."""
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    eos = config["eos_token"]
    return DecodeStreamBackend(tokenizer, tokenizer.token_to_id(eos if isinstance(eos, str) else eos["content"]))
