"""The laws on the text of one stream: each compares what was sent with the full decode of the stream's ids."""

from __future__ import annotations

from collections.abc import Iterator

from harness.laws.decoder import FullDecoder
from harness.laws.trial import Trial, Violation
from harness.model import Kind
from harness.script import Message, Stream

REPLACEMENT = "\ufffd"
HOLD = 8
"""How many messages later settled text is still in time; a server that sends at every eighth token is."""


def append_only(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """Nothing sent is taken back or sent twice."""
    for stream, due in _streams(trial, decoder):
        wrong = _first_wrong(stream, due)
        if wrong is None:
            continue
        at, sent = wrong
        message = stream.messages[at]
        rest = due[len(sent) :]
        incomplete = _first_character_off(sent + message.chunk, due) == REPLACEMENT
        if not incomplete and _was_right(stream, at, sent, decoder):
            why = "what follows makes another text of what was sent here"
            return _violation("append-only", Kind.REPLACED, stream, message, rest, why)
        repeated = _repeated(sent, message.chunk, due)
        # A U+FFFD or a space that was there before is no evidence against one for a character that isn't complete.
        if repeated.strip(f"{REPLACEMENT} ") or (repeated and not incomplete):
            why = "a part of the chunk was sent before"
            return _violation("append-only", Kind.DOUBLED, stream, message, rest, why)
    return None


def no_replacement(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """No U+FFFD but where the ids decode to one."""
    for stream, due in _streams(trial, decoder):
        wrong = _first_wrong(stream, due)
        if wrong is None:
            continue
        at, sent = wrong
        if _first_character_off(sent + stream.messages[at].chunk, due) == REPLACEMENT:
            return _violation(
                "no-replacement",
                Kind.REPLACED,
                stream,
                stream.messages[at],
                due[len(sent) :],
                "U+FFFD was sent where the ids have other text, or none",
            )
    return None


def eos(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """EOS shows exactly where it should: everywhere but as the last token of a stream that finishes."""
    mark = decoder.eos_text
    if not mark:
        return None
    for stream, due in _streams(trial, decoder):
        if not any(message.token == decoder.eos_id for message in stream.messages):
            continue
        text = "".join(stream.chunks)
        shown, wanted = text.count(mark), due.count(mark)
        fed = decoder.decode([message.token for message in stream.messages]).count(mark)
        # More of them than were fed is another law's affair: text that is sent twice.
        if wanted < shown <= fed or (shown < wanted and stream.finished):
            message = next(message for message in reversed(stream.messages) if message.token == decoder.eos_id)
            kind, why = (Kind.LOST, "EOS is not shown") if shown < wanted else (Kind.EARLY, "EOS is shown")
            return Violation("eos", kind, message.step, message.slot, stream.uid, due, text, f"{why}: {mark!a}")
    return None


def prompt(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """Text that can't change any more is sent `HOLD` messages later at most, and all of it by the finish."""
    for stream, due in _streams(trial, decoder):
        sent, in_time = "", HOLD
        tokens = [message.token for message in stream.messages]
        for at, message in enumerate(stream.messages):
            sent += message.chunk
            if at < in_time or not due.startswith(sent):
                continue
            if len(sent) >= len(decoder.settled(tokens[: at + 1])):
                # Nothing is held back here: what was settled by now is in time for the next messages too.
                in_time = at + HOLD + 1
                continue
            settled = decoder.settled(tokens[: at + 1 - HOLD])
            if len(sent) < len(settled) <= len(due) and due.startswith(settled):
                return _violation(
                    "prompt",
                    Kind.LATE,
                    stream,
                    message,
                    settled[len(sent) - len(message.chunk) :],
                    f"text that was settled {HOLD} messages ago is still held back",
                )
        if stream.finished and len(sent) < len(due) and due.startswith(sent):
            message = stream.messages[-1]
            start = len(sent) - len(message.chunk)
            return _violation("prompt", Kind.LOST, stream, message, due[start:], "text is held back at the finish")
    return None


def complete(trial: Trial, decoder: FullDecoder) -> Violation | None:
    """The joined text is the full decode of the ids, less a suppressed EOS; of an open stream, a beginning of it."""
    for stream, due in _streams(trial, decoder):
        wrong = _first_wrong(stream, due)
        if wrong is not None:
            at, sent = wrong
            text = "".join(stream.chunks)
            kind = Kind.LOST if stream.finished and _is_part(text, due) else Kind.REPLACED
            return _violation(
                "complete", kind, stream, stream.messages[at], due[len(sent) :], "the ids decode to another text"
            )
        text = "".join(stream.chunks)
        if stream.finished and text != due:
            message = stream.messages[-1]
            start = len(text) - len(message.chunk)
            return _violation("complete", Kind.LOST, stream, message, due[start:], "the end of the text is not sent")
    return None


def _streams(trial: Trial, decoder: FullDecoder) -> Iterator[tuple[Stream, str]]:
    """The streams with the text that each one's ids decode to."""
    for stream in trial.streams:
        yield stream, decoder.decode(decoder.ids_of(stream))


def _first_wrong(stream: Stream, due: str) -> tuple[int, str] | None:
    """The first message after which the text sent is no beginning of the text due, and the text sent before it."""
    if due.startswith("".join(stream.chunks)):
        return None
    sent = ""
    for at, message in enumerate(stream.messages):
        if not due.startswith(sent + message.chunk):
            return at, sent
        sent += message.chunk
    return None


def _was_right(stream: Stream, at: int, sent: str, decoder: FullDecoder) -> bool:
    """Whether what was sent up to a message is what the ids up to there decode to, though not what all of them do."""
    message = stream.messages[at]
    if message.finished:
        return False
    text = decoder.decode([other.token for other in stream.messages[: at + 1]])
    return text.startswith(sent + message.chunk)


def _repeated(sent: str, chunk: str, due: str) -> str:
    """The beginning of a chunk that was sent before, if the chunk is right without it; empty if it isn't."""
    repeats = (chunk[:size] for size in range(len(chunk), 0, -1) if due.startswith(sent + chunk[size:]))
    return next((repeat for repeat in repeats if repeat in sent), "")


def _is_part(text: str, whole: str) -> bool:
    """Whether a text is another one with parts missing."""
    rest = iter(whole)
    return all(char in rest for char in text)


def _violation(law: str, kind: Kind, stream: Stream, message: Message, expected: str, why: str) -> Violation:
    return Violation(law, kind, message.step, message.slot, stream.uid, expected, message.chunk, why)


def _first_character_off(text: str, due: str) -> str:
    """The first character with which a text leaves the one that is due. It does leave it."""
    return next(char for at, char in enumerate(text) if due[at : at + 1] != char)
