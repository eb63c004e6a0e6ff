"""bpe-qwen 0.1.5: `<|im_end|>` in a prompt is split into letters and signs."""

from __future__ import annotations

import json
import pathlib
from functools import cache

from tokenizers import Tokenizer

from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder, config_of

BUG = Bug(
    seen=("bpe-qwen 0.1.5",),
    symptom="the model doesn't see where a turn ends",
    cause="text is encoded by the base vocabulary alone",
    tokenizer="qwen2.5",
    check="golden:ids differ",
    smallest=calls(prompts("<|im_end|>")),
)


@cache
def factory(tokenizer_dir: pathlib.Path) -> Encoder:
    """The backend that has the bug."""
    config = {**config_of(tokenizer_dir), "added_tokens": []}
    return Encoder(tokenizer_dir, Tokenizer.from_str(json.dumps(config)))
