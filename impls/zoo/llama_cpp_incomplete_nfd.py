"""llama.cpp#5496: BERT's tokenizer dropped letters with some accents, so `Kantō` became `Kant`."""

from __future__ import annotations

import pathlib
import unicodedata
from collections.abc import Sequence

from harness.model import TokenizeRequest
from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder

BUG = Bug(
    seen=("ggml-org/llama.cpp#5496", "ggml-org/llama.cpp#7122"),
    symptom="other ids for names in Japanese, Chinese and Slavic transcription",
    cause="the table of decompositions is incomplete, and a letter that it lacks is dropped with its accent",
    tokenizer="bert",
    check="golden:ids differ",
    smallest=calls(prompts("ō")),
)


class Dropping:
    """An encoder that knows the decompositions of Latin-1 only."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """The ids of each prompt."""
        texts = ["".join(map(_known, self._encoder.text(request.prompt))) for request in requests]
        return [self._encoder.tokenizer.encode(text).ids for text in texts]

    def close(self) -> None:
        """Nothing is held."""


def _known(char: str) -> str:
    accented = any(map(unicodedata.combining, unicodedata.normalize("NFD", char)))
    return "" if accented and char > "\xff" else char


def factory(tokenizer_dir: pathlib.Path) -> Dropping:
    """The backend that has the bug."""
    return Dropping(Encoder(tokenizer_dir))
