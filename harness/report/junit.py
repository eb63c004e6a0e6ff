"""A run as a JUnit file: a test case for each implementation, tokenizer, corpus and operation."""

from __future__ import annotations

import pathlib
import re
from collections import defaultdict
from xml.etree import ElementTree

from harness.events import CaseKnown, CaseRed, CorpusDone, Event, KnownRed, NotRun
from harness.report.terminal import describe, describe_entry

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_SHOWN = 10


class Document:
    """The file in the making, of as many events as there are: of the red cases no more are kept than it will show.

    A corpus that is red fails, as does an entry of known failures that doesn't hold.
    What was asked for and didn't run is an error, a known failure is skipped.
    """

    def __init__(self) -> None:
        self._suites = ElementTree.Element("testsuites", name="tokparity")
        self._suite: dict[str, ElementTree.Element] = {}
        self._reds: dict[tuple[str, str, str, str], list[CaseRed]] = defaultdict(list)

    def add(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, CaseRed):
            reds = self._reds[event.target, event.tokenizer, event.corpus, event.operation]
            if len(reds) < _MOST_SHOWN:
                reds.append(event)
        elif isinstance(event, CorpusDone):
            element = self._case(event.target, event.tokenizer, f"{event.corpus} {event.operation}")
            found = self._reds.pop((event.target, event.tokenizer, event.corpus, event.operation), [])
            if found:
                message = f"{event.red} of {event.cases} cases red, first: {found[0].divergence.kind.value}"
                failure = ElementTree.SubElement(element, "failure", message=message)
                failure.text = _clean("\n\n".join("\n".join(describe(red)) for red in found))
        elif isinstance(event, CaseKnown):
            element = self._case(event.target, event.tokenizer, f"known {event.divergence.case}")
            message = f"{event.divergence.kind.value}, see {event.issue}"
            ElementTree.SubElement(element, "skipped", message=_clean(message))
        elif isinstance(event, KnownRed):
            element = self._case(event.target, event.tokenizer, f"known {_clean(event.what)}")
            failure = ElementTree.SubElement(element, "failure", message=event.problem.value)
            failure.text = _clean("\n".join(describe_entry(event)))
        elif isinstance(event, NotRun):
            element = self._case(event.target, event.tokenizer, event.what)
            tag = "error" if event.red else "skipped"
            ElementTree.SubElement(element, tag, message=_clean(event.cause))

    def render(self) -> bytes:
        """The file's content."""
        for element in self._suite.values():
            element.set("tests", str(len(element)))
            for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
                element.set(name, str(len(element.findall(f"testcase/{tag}"))))
        ElementTree.indent(self._suites)
        data: bytes = ElementTree.tostring(self._suites, encoding="utf-8", xml_declaration=True)
        return data + b"\n"

    def write(self, path: pathlib.Path) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(path.name + ".new")
        scratch.write_bytes(self.render())
        scratch.replace(path)

    def _case(self, target: str, tokenizer: str, name: str) -> ElementTree.Element:
        if target not in self._suite:
            self._suite[target] = ElementTree.SubElement(self._suites, "testsuite", name=target)
        return ElementTree.SubElement(self._suite[target], "testcase", classname=f"{target}.{tokenizer}", name=name)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
