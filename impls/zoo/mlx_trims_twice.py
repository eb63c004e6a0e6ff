"""mlx-lm#1754: the Llama-2 tokens `▁`, `▁leading` came out as `leading`, with both spaces gone."""

from __future__ import annotations

import json
import pathlib
from dataclasses import dataclass

from tokenizers import Tokenizer

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, Rules, Window, config_of, eos_of

BUG = Bug(
    seen=("ml-explore/mlx-lm#1754",),
    symptom="two spaces at the start of the answer are missing, where the decoder strips one",
    cause="the trim is armed while no text was sent, and that is still so after it left nothing of the first token",
    tokenizer="llama2",
    check="golden:lost",
    smallest=stream(35, 263),
)


@dataclass(slots=True)
class Trimmed:
    """A stream whose decoder strips nothing, and that strips a space as long as it has sent nothing."""

    inner: Window
    begun: bool = False

    def feed(self, token: int | None, *, last: bool) -> str:
        """The chunk for a token."""
        chunk = self.inner.feed(token, last=last)
        if not self.begun:
            chunk = chunk.removeprefix(" ")
            self.begun = bool(chunk)
        return chunk


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    config = json.loads(json.dumps(config_of(tokenizer_dir)))
    config["decoder"]["decoders"].pop()
    unstripped = Tokenizer.from_str(json.dumps(config))
    rules = Rules(lambda ids: unstripped.decode(ids, skip_special_tokens=False))
    return Detokenizer(lambda: Trimmed(Window(rules)), eos_of(tokenizer_dir))
