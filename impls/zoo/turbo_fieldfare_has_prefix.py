"""turbo-fieldfare#36: Thai lost its vowel and tone marks, so ห้าม became ห."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, windows
from impls.zoo.graphemes import graphemes

BUG = Bug(
    seen=("drumih/turbo-fieldfare#36",),
    symptom="marks that come in a token of their own are missing",
    cause="the new text is dropped if the old one is no prefix of it in grapheme clusters",
    tokenizer="qwen2.5",
    check="golden:lost",
    smallest=stream(68, 53839),
)


def if_prefix(window: str, prefix: str) -> str:
    """The new text, nothing if the window's clusters don't begin with the prefix's."""
    known = graphemes(prefix)
    clusters = graphemes(window)
    return "".join(clusters[len(known) :]) if clusters[: len(known)] == known else ""


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    return windows(tokenizer_dir, new_text=if_prefix)
