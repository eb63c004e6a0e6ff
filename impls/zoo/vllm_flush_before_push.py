"""vllm#47707: a request that ended before its first token was answered with its prompt."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from harness.model import DetokenizeRequest, TokenizeRequest
from harness.zoo.bug import Bug, calls, feed, prompts
from impls.zoo.base import Detokenizer, Encoder, decode_of, windows

BUG = Bug(
    seen=("vllm-project/vllm#47707",),
    symptom="the prompt is sent as the answer",
    cause="the prompt's text is set aside at the first token, and a flush before that sends it",
    tokenizer="qwen2.5",
    check="law:independent",
    smallest=calls(prompts("a"), feed((0, 151645, True))),
)


class Flushing:
    """A stream is flushed when it finishes; one that was fed nothing still has its prompt to flush."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._encoder = Encoder(folder)
        self._decode = decode_of(folder)
        self._detokenizer: Detokenizer = windows(folder)
        self._unfed: dict[int, list[int]] = {}

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        """The ids of each prompt, which are remembered for its uid."""
        answers = self._encoder.tokenize(requests)
        self._unfed.update({request.uid: ids for request, ids in zip(requests, answers, strict=True)})
        return answers

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk a request."""
        chunks = self._detokenizer.detokenize(requests)
        for slot, request in enumerate(requests):
            prompt = self._unfed.pop(request.uid, [])
            if request.finished and self._detokenizer.token_of(request) is None:
                chunks[slot] += self._decode(prompt)
        return chunks

    def abort(self, uid: int) -> None:
        """Forget a stream and its prompt."""
        self._unfed.pop(uid, None)
        self._detokenizer.abort(uid)

    def close(self) -> None:
        """Forget everything."""
        self._unfed.clear()
        self._detokenizer.close()


def factory(tokenizer_dir: pathlib.Path) -> Flushing:
    """The backend that has the bug."""
    return Flushing(tokenizer_dir)
