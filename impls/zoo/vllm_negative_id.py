"""vllm#21951: one negative id, seen with quantized models, ended the engine and every stream with it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest
from harness.zoo.bug import Bug, calls, feed
from impls.zoo.base import Around, Detokenizer, check_ids, windows

BUG = Bug(
    seen=("vllm-project/vllm#21951", "vllm-project/vllm#24211", "jundot/omlx#2013"),
    symptom="after a negative id nothing is answered any more",
    cause="the exception for the id ends the loop that serves all streams",
    tokenizer="qwen2.5",
    check="law:answers",
    smallest=calls(feed((0, -1)), feed((1, 64))),
)


class Loop:
    """An engine's loop, which doesn't outlive an exception."""

    def __init__(self) -> None:
        self._dead = False

    def step(self, inner: Detokenizer, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk a request, while the loop lives."""
        if self._dead:
            raise RuntimeError("EngineCore encountered an issue")
        self._dead = True
        check_ids(requests)
        self._dead = False
        return inner.detokenize(requests)


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    return Around(windows(tokenizer_dir), Loop().step)
