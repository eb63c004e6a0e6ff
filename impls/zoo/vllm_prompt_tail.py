"""vllm#48853: the whole prompt stood in the first chunk, where the prompt ended in U+FFFD."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest, TokenizeRequest
from harness.zoo.bug import Bug, calls, feed, prompts
from impls.zoo.base import Detokenizer, Encoder, Rules, Window, decode_of, ends_in_replacement, eos_of

BUG = Bug(
    seen=("vllm-project/vllm#48853",),
    symptom="the prompt is sent as part of the answer",
    cause="a stream seeded with the prompt has an empty prefix if the prompt ends in U+FFFD",
    tokenizer="qwen2.5",
    check="law:independent",
    smallest=calls(prompts("\ufffd"), feed((0, 64))),
)


class Seeded:
    """A stream begins with the ids of its uid's prompt, as its prefix unless they end in U+FFFD."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._encoder = Encoder(folder)
        self._rules = Rules(decode_of(folder))
        self._detokenizer = Detokenizer(lambda: Window(self._rules), eos_of(folder))

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """The ids of each prompt, with which the streams of their uids begin."""
        answers = self._encoder.tokenize(requests)
        for request, ids in zip(requests, answers, strict=True):
            known = 0 if ends_in_replacement(self._rules.decode(ids)) else len(ids)
            self._detokenizer.streams[request.uid] = Window(self._rules, list(ids), known)
        return answers

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk a request."""
        return self._detokenizer.detokenize(requests)

    def abort(self, uid: int) -> None:
        """Forget a stream."""
        self._detokenizer.abort(uid)

    def close(self) -> None:
        """Forget all streams."""
        self._detokenizer.close()


def factory(tokenizer_dir: pathlib.Path) -> Seeded:
    """The backend that has the bug."""
    return Seeded(tokenizer_dir)
