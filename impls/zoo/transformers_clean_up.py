"""transformers#32575: `x != y` decoded to `x!= y`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, decode_of, windows

BUG = Bug(
    seen=("huggingface/transformers#32575", "huggingface/transformers#44914", "huggingface/swift-transformers#391"),
    symptom="spaces before punctuation are missing",
    cause="the clean-up made for WordPiece is applied to byte-level BPE",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(961),
)
RULES = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    decode = decode_of(tokenizer_dir)

    def cleaned(ids: Sequence[int]) -> str:
        text = decode(ids)
        for old, new in RULES:
            text = text.replace(old, new)
        return text

    return windows(tokenizer_dir, decode=cleaned)
