"""quackformers#33: the shorter prompts of a batch ended in padding, which was used as text."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from functools import cache

from harness.model import TokenizeRequest
from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder, load

BUG = Bug(
    seen=("martin-conur/quackformers#33",),
    symptom="a prompt is followed by `[PAD]`, more of them the longer its neighbours are",
    cause="a batch is encoded with padding, and the ids are used without the attention mask",
    tokenizer="bert",
    check="law:batch-encode",
    smallest=calls(prompts("a", "")),
)


class Padding:
    """An encoder that fills a batch up to its longest prompt."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """The ids of each prompt."""
        texts = [self._encoder.text(request.prompt) for request in requests]
        return [encoding.ids for encoding in self._encoder.tokenizer.encode_batch(texts)]

    def close(self) -> None:
        """Nothing is held."""


@cache
def factory(tokenizer_dir: pathlib.Path) -> Padding:
    """The backend that has the bug."""
    tokenizer = load(tokenizer_dir)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    return Padding(Encoder(tokenizer_dir, tokenizer))
