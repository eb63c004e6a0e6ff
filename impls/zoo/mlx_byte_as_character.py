"""mlx-examples#808: `私の` was streamed as `ç§\x81の`."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Detokenizer, entry, texts_of, windows

BUG = Bug(
    seen=("ml-explore/mlx-examples#808",),
    symptom="each byte of a character is shown as a Latin-1 letter",
    cause="a byte token is made a character, not a byte",
    tokenizer="llama2",
    check="golden:early",
    smallest=stream(234),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    texts = texts_of(tokenizer_dir)

    def text(token: int) -> str:
        found = entry(texts, token)
        return found.decode("latin-1") if isinstance(found, bytes) else found or ""

    def new_text(window: str, prefix: str) -> str:
        new = window[len(prefix) :]
        return new.removeprefix(" ") if not prefix else new

    return windows(tokenizer_dir, decode=lambda ids: "".join(map(text, ids)), new_text=new_text)
