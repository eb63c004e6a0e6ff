"""next-plaid#98: a batch was sorted by length, and its results were returned in that order."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import TokenizeRequest
from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder

BUG = Bug(
    seen=("lightonai/next-plaid#98", "Aleph-Alpha/aleph-alpha-client#119"),
    symptom="right ids for the wrong prompts",
    cause="prompts are sorted by length before they are encoded, and not put back",
    tokenizer="bert",
    check="golden:reordered",
    smallest=calls(prompts("a a", "a")),
)


class Sorted:
    """An encoder that takes the shortest prompt first."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """The ids of each prompt."""
        return self._encoder.tokenize(sorted(requests, key=lambda request: len(self._encoder.text(request.prompt))))

    def close(self) -> None:
        """Nothing is held."""


def factory(tokenizer_dir: pathlib.Path) -> Sorted:
    """The backend that has the bug."""
    return Sorted(Encoder(tokenizer_dir))
