"""The oracle, profile `reference`: what the reference worker answers, defects included.

Source: mini-sglang's tokenizer worker at commit 20fcd7f, restated from its observed behaviour.
Where the reference raises, and where one uid stands twice in a batch, there is no parity to reproduce:
programs that do so are not made into goldens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.model import DetokenizeRequest, Event, Program, Prompts, batch_slices
from harness.tokenizer import Codec

VERSION = "1"
"""Goes up when the oracle's answers change; part of every golden's provenance."""

_REPLACEMENT = "\ufffd"
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_ideograph(char: str) -> bool:
    """Whether the printable rule takes a character for a CJK ideograph."""
    point = ord(char)
    return any(low <= point <= high for low, high in _IDEOGRAPHS)


def printable(text: str) -> str:
    """The part of an uncommitted text that the reference shows all the same."""
    if text.endswith("\n"):
        return text
    if text and is_ideograph(text[-1]):
        return text
    if len(text) > 1 and is_ideograph(text[-2]):
        return text[:-1]
    return text[: text.rfind(" ") + 1]


@dataclass(slots=True)
class _Stream:
    ids: list[int] = field(default_factory=list)
    committed: str = ""
    surr: int = 0
    read: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What one message did to its stream: the text that wasn't committed before, whether it now is, and what was sent.

    `before` and `after` count the code points of the stream's output so far.
    """

    new: str
    commits: bool
    before: int
    after: int


Watch = Callable[[DetokenizeRequest, Step], None]


class ReferenceDetokenizer:
    """The streaming detokenizer of the reference: state for each uid, answers batch by batch.

    `watch` is told of each message what it did.
    """

    def __init__(self, codec: Codec, watch: Watch | None = None) -> None:
        self._codec = codec
        self._watch = watch
        self._streams: dict[int, _Stream] = {}

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """One chunk of text a request, in the same order. No uid may stand twice in a batch."""
        windows: list[list[int]] = []
        prefixes: list[list[int]] = []
        for request in requests:
            stream = self._streams.setdefault(request.uid, _Stream())
            if not (request.finished and request.next_token == self._codec.eos_id):
                stream.ids.append(request.next_token)
            windows.append(stream.ids[stream.surr :])
            prefixes.append(stream.ids[stream.surr : stream.read])
        window_texts = self._codec.decode_batch(windows)
        prefix_texts = self._codec.decode_batch(prefixes)
        return [
            self._advance(request, window, len(prefix))
            for request, window, prefix in zip(requests, window_texts, prefix_texts, strict=True)
        ]

    def abort(self, uid: int) -> None:
        """Forget a uid. The reference has no such call; goldens with aborts are made so."""
        self._streams.pop(uid, None)

    def held(self, uid: int) -> tuple[list[int], list[int], int] | None:
        """The state of a uid: the committed ids that are decoded with the others, all that are, and how many
        characters were sent beyond the committed text. None if there is no state.
        """
        stream = self._streams.get(uid)
        if stream is None:
            return None
        return stream.ids[stream.surr : stream.read], stream.ids[stream.surr :], stream.sent - len(stream.committed)

    def _advance(self, request: DetokenizeRequest, window: str, known: int) -> str:
        stream = self._streams[request.uid]
        new = window[known:]
        commits = bool(new) and not new.endswith(_REPLACEMENT)
        if commits:
            stream.committed += new
            stream.surr, stream.read = stream.read, len(stream.ids)
            output = stream.committed
        else:
            output = stream.committed + printable(new)
        chunk = output[stream.sent :]
        if self._watch is not None:
            self._watch(request, Step(new, commits, stream.sent, len(output)))
        stream.sent = len(output)
        if request.finished:
            del self._streams[request.uid]
        return chunk


def answer_program(codec: Codec, program: Program, watch: Watch | None = None) -> list[str | None]:
    """The reference's chunk for every row of a program; None for an abort."""
    detokenizer = ReferenceDetokenizer(codec, watch)
    answers: list[str | None] = []
    for rows in batch_slices(program.batches):
        if program.events[rows.start] == Event.ABORT:
            detokenizer.abort(program.uids[rows.start])
            answers.append(None)
            continue
        requests = [
            DetokenizeRequest(uid, token, event == Event.FINISH)
            for uid, token, event in zip(program.uids[rows], program.tokens[rows], program.events[rows], strict=True)
        ]
        answers.extend(detokenizer.detokenize(requests))
    return answers


def answer_prompts(codec: Codec, prompts: Prompts) -> list[list[int]]:
    """The reference's ids for every prompt of a case, request by request as the reference does."""
    return [codec.encode(request.prompt) for batch in prompts.batches for request in batch]
