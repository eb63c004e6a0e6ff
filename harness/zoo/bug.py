"""What a file of the zoo says of its bug: where it was seen, what must catch it, and the smallest program known."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model import DetokenizeRequest, Prompt, TokenizeRequest
from harness.script import Abort, Encode, Feed, Script, Step

__all__ = ["Abort", "Bug", "calls", "feed", "prompts", "stream"]


@dataclass(frozen=True, slots=True)
class Bug:
    """One historical bug.

    `seen` are public threads, `project#number`, or a project and a version where the software itself was run.
    `tokenizer` is the pinned one that it shows on, `smallest` the smallest program known to show it there.
    `check` names what must catch it: `golden:CLASS`, the class of a divergence from the goldens; `law:NAME`, the first
    law that the smallest program breaks; or `error`, `crash` or `hang`, what becomes of the call.
    """

    seen: tuple[str, ...]
    symptom: str
    cause: str
    tokenizer: str
    check: str
    smallest: Script


def calls(*steps: Step) -> Script:
    """A program of these calls."""
    return Script(steps)


def feed(*messages: tuple[int, int] | tuple[int, int, bool]) -> Feed:
    """One call of `detokenize`: a uid, a token and, where it ends the stream, True for each message."""
    return Feed(tuple(DetokenizeRequest(message[0], message[1], len(message) == 3) for message in messages))


def stream(*tokens: int) -> Script:
    """One stream that finishes with its last token, a message a call."""
    last = len(tokens) - 1
    return Script(tuple(Feed((DetokenizeRequest(0, token, at == last),)) for at, token in enumerate(tokens)))


def prompts(*texts: Prompt) -> Encode:
    """One call of `tokenize`, a uid for each prompt from 0."""
    return Encode(tuple(TokenizeRequest(uid, text) for uid, text in enumerate(texts)))
