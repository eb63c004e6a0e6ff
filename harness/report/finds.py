"""A find in lines: what is wrong, and the smallest script message by message, beside both profiles of the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext

from rich.console import Console
from rich.status import Status
from rich.text import Text

from harness.campaign import Began, Ended, Event, Found
from harness.fuzz import Find, Searching
from harness.laws import Violation
from harness.locate import Line, explain
from harness.script import Raised
from harness.tokenizer import Codec, Vocabulary
from harness.visible import visible


def watch(events: Iterable[Event], console: Console) -> int:
    """Show searches as they go on, each find when it is found; the number of finds."""
    found = 0
    began: Began | None = None
    with console.status("starting") if console.is_terminal else nullcontext() as status:
        for event in events:
            if isinstance(event, Began):
                began = event
            elif isinstance(event, Searching) and began is not None and isinstance(status, Status):
                status.update(f"{_who(began)}: {_progress(event)}")
            elif isinstance(event, Found):
                found += 1
                lines = describe(event.find, event.setting.codec, event.setting.vocabulary)
                lines[0] = f"{_who(event)}: {lines[0]}"
                lines += [f"  written to {event.exported}"] if event.exported is not None else []
                console.print(Text("\n".join(lines)), soft_wrap=True)
            elif isinstance(event, Ended):
                verdict = f"{event.found} found" if event.found else "nothing found"
                console.print(Text(f"{_who(event)}: {verdict}, {_progress(event.searched)}"), soft_wrap=True)
    return found


def _who(event: Began | Found | Ended) -> str:
    return f"{event.target} on {event.setting.name}"


def _progress(searching: Searching) -> str:
    rate = searching.messages / searching.seconds if searching.seconds else 0
    return f"{searching.scripts:,} scripts, {searching.messages:,} messages, {rate:,.0f} messages/s"


def title(find: Find) -> str:
    """The class of a find, and the other laws that its smallest script breaks."""
    law, what = find.signature
    others = [violation.law for violation in find.violations[1:]]
    return f"{law}: {what}" + (f" (and {', '.join(others)})" if others else "")


def describe(find: Find, codec: Codec, vocabulary: Vocabulary) -> list[str]:
    """A find in lines."""
    size, before = find.script.messages, find.original.messages
    source = "a find of an earlier search" if find.number < 0 else f"script {find.number}"
    lines = [
        title(find),
        f"  {source}, {before} messages; the smallest has {size}, after {find.executions} executions",
    ]
    if not find.repeats:
        lines.append("  an implementation made anew doesn't show it: what it depends on came before this script")
    for line in explain(find.script, find.answers, codec, vocabulary):
        lines += _line(line)
    return [*lines, *_violation(find.violations[0])]


def _line(line: Line) -> Iterator[str]:
    head = f"  call {line.step}  {line.what} uid {line.uid}"
    if line.token is not None:
        piece = f"{line.token.piece!a} <{line.token.bytes}>" if line.token.piece else "(not in the vocabulary)"
        head += f"  {line.token.id} {piece}"
    if line.prompt is not None:
        head += f"  {visible(line.prompt) if isinstance(line.prompt, str) else list(line.prompt)!a}"
    yield head
    if line.what == "abort":
        return
    yield f"          got {_show(line.got)}, reference {_show(line.reference)}, ideal {_show(line.ideal)}"
    if line.state:
        yield f"          the reference then has: {line.state}"


def _violation(violation: Violation) -> Iterator[str]:
    yield f"  at call {violation.step}, slot {violation.slot}, uid {violation.uid}: {violation.why}"
    yield f"  expected {visible(violation.expected)}"
    yield f"  got      {visible(violation.got)}"


def _show(answer: object) -> str:
    if isinstance(answer, Raised):
        return visible(answer.what)
    if isinstance(answer, str):
        return visible(answer)
    return "nothing" if answer is None else str(answer)
