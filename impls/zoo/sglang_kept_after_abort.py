"""sglang#36333: requests that were cancelled left their state behind, for the next request with their id to find."""

from __future__ import annotations

import pathlib

from harness.zoo.bug import Abort, Bug, calls, feed
from impls.zoo.base import Around, windows

BUG = Bug(
    seen=("sgl-project/sglang#36333", "vllm-project/vllm#57061", "sgl-project/sglang#24070"),
    symptom="a new reply begins with what a cancelled one with its id held",
    cause="a cancel ends the request, and the detokenizer isn't told",
    tokenizer="qwen2.5",
    check="law:forgets",
    smallest=calls(feed((0, 160)), Abort(0), feed((0, 64))),
)


def factory(tokenizer_dir: pathlib.Path) -> Around:
    """The backend that has the bug."""
    return Around(windows(tokenizer_dir), forget=lambda inner, uid: None)
