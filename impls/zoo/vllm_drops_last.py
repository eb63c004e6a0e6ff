"""vllm#14624: the fix for a visible EOS dropped the last token of any request that stopped."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, Rules, Window, decode_of, eos_of

BUG = Bug(
    seen=("vllm-project/vllm#14624", "vllm-project/vllm#55483", "vllm-project/vllm#3150"),
    symptom="the end of a reply that stopped otherwise than by EOS is missing",
    cause="the last token of a finished request is taken for its stop token",
    tokenizer="bert",
    check="golden:lost",
    smallest=stream(1037),
)


@dataclass(slots=True)
class WithoutLast:
    """A stream that skips the token it finishes with."""

    inner: Window

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        return self.inner.feed(None if last else token, last=last)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    rules = Rules(decode_of(tokenizer_dir))
    return Detokenizer(lambda: WithoutLast(Window(rules)), eos_of(tokenizer_dir))
