"""A run as a JUnit file: a test case for each implementation, tokenizer, corpus and operation."""

from __future__ import annotations

import pathlib
import re
from collections import defaultdict
from collections.abc import Iterable
from xml.etree import ElementTree

from harness.events import CaseKnown, CaseRed, CorpusDone, Event, KnownRed, NotRun
from harness.report.terminal import describe, describe_entry

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_SHOWN = 10


def render(events: Iterable[Event]) -> bytes:
    """The file's content. A corpus that is red fails, as does an entry of known failures that doesn't hold.

    What was asked for and didn't run is an error, a known failure is skipped.
    """
    suites = ElementTree.Element("testsuites", name="tokparity")
    suite: dict[str, ElementTree.Element] = {}
    reds: dict[tuple[str, str, str, str], list[CaseRed]] = defaultdict(list)

    def case(target: str, tokenizer: str, name: str) -> ElementTree.Element:
        if target not in suite:
            suite[target] = ElementTree.SubElement(suites, "testsuite", name=target)
        return ElementTree.SubElement(suite[target], "testcase", classname=f"{target}.{tokenizer}", name=name)

    for event in events:
        if isinstance(event, CaseRed):
            reds[event.target, event.tokenizer, event.corpus, event.operation].append(event)
        elif isinstance(event, CorpusDone):
            element = case(event.target, event.tokenizer, f"{event.corpus} {event.operation}")
            found = reds[event.target, event.tokenizer, event.corpus, event.operation]
            if found:
                message = f"{event.red} of {event.cases} cases red, first: {found[0].divergence.kind.value}"
                failure = ElementTree.SubElement(element, "failure", message=message)
                failure.text = _clean("\n\n".join("\n".join(describe(red)) for red in found[:_MOST_SHOWN]))
        elif isinstance(event, CaseKnown):
            element = case(event.target, event.tokenizer, f"known {event.divergence.case}")
            message = f"{event.divergence.kind.value}, see {event.issue}"
            ElementTree.SubElement(element, "skipped", message=_clean(message))
        elif isinstance(event, KnownRed):
            element = case(event.target, event.tokenizer, f"known {_clean(event.what)}")
            failure = ElementTree.SubElement(element, "failure", message=event.problem.value)
            failure.text = _clean("\n".join(describe_entry(event)))
        elif isinstance(event, NotRun):
            element = case(event.target, event.tokenizer, event.what)
            tag = "error" if event.red else "skipped"
            ElementTree.SubElement(element, tag, message=_clean(event.cause))
    for element in suite.values():
        element.set("tests", str(len(element)))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            element.set(name, str(len(element.findall(f"testcase/{tag}"))))
    ElementTree.indent(suites)
    data: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def write(events: Iterable[Event], path: pathlib.Path) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    scratch.write_bytes(render(events))
    scratch.replace(path)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
