"""smg#1122: replies ended in `<|im_end|>`."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, tokenizer_of, windows

BUG = Bug(
    seen=("smg-project/smg#1122", "sgl-project/sglang#1650", "Blaizzy/mlx-vlm#2112"),
    symptom="the token that ends a turn is shown",
    cause="EOS is taken from one file only, and the model ends its turns with another token",
    tokenizer="qwen2.5",
    check="law:eos",
    smallest=stream(151645),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    base_model_eos = tokenizer_of(tokenizer_dir).token_to_id("<|endoftext|>")
    assert base_model_eos is not None
    return windows(tokenizer_dir, eos_id=base_model_eos)
