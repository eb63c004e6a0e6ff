"""A find as a pytest file that stands alone: it needs the implementation and the tokenizer, no corpus and no golden."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from harness.fuzz import Find, Setting
from harness.judges import reference_answers
from harness.laws import Violation
from harness.script import Abort, Encode, Raised, Script, Step, is_hostile
from harness.tokenizer import Vocabulary
from harness.visible import visible

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Regression:
    """A find to be written out: of which implementation, on what, and the laws that its smallest script breaks."""

    spec: str
    setting: Setting
    profile: str
    find: Find
    broken: Sequence[Violation]

    @property
    def name(self) -> str:
        """A name for its file and its test: from the implementation, the class and the script."""
        words = "_".join((self.spec.rpartition(":")[0].rpartition("/")[2].removesuffix(".py"), *self.find.signature))
        digest = hashlib.sha256(repr((self.spec, self.setting.name, self.find.script)).encode()).hexdigest()[:8]
        return f"{re.sub(r'[^a-z0-9]+', '_', words.lower()).strip('_')}_{digest}"


def write(regression: Regression, folder: pathlib.Path) -> pathlib.Path:
    """Write the file, in one step, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"test_{regression.name}.py"
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_text(source(regression), encoding="utf-8")
    scratch.replace(path)
    return path


def source(regression: Regression) -> str:
    """The text of the file."""
    script = regression.find.script
    names = sorted({_function(step) for step in script.steps})
    by_laws = regression.profile == "laws"
    check = "assert_keeps_laws" if by_laws else "assert_answers"
    module, _, attribute = regression.spec.rpartition(":")
    if module.endswith(".py"):
        names.append("load_factory")
        imported, made = "", f"factory = load_factory({_literal(regression.spec)})\n"
    else:
        alias = "" if attribute == "factory" else f"{attribute} as "
        imported, made = f"from {module} import {alias}factory\n", ""
    imports = ", ".join(sorted([check, *names]))
    lines = _laws_calls(script, regression.setting.vocabulary) if by_laws else _answer_calls(regression)
    body = "\n".join(f"            {line}" for line in lines)
    return (
        f'"""{_docstring(regression)}\n"""\n\n'
        f"from harness.conformance import {imports}\n{imported}{made and chr(10)}{made}\n\n"
        f"def test_{regression.name}() -> None:\n"
        f"    {check}(\n"
        f"        factory,\n"
        f"        tokenizer={_literal(regression.setting.name)},\n"
        f"        calls=[\n{body}\n        ],\n"
        f"    )\n"
    )


def _docstring(regression: Regression) -> str:
    find = regression.find
    first = find.violations[0]
    broken = ", ".join(f"{violation.law} ({violation.kind.value})" for violation in regression.broken)
    facts = [
        f"Laws broken: {broken or 'none'}.",
        f"At call {first.step}, slot {first.slot}, uid {first.uid}: {first.why}.",
        f"Expected {visible(first.expected)}, got {visible(first.got)}.",
        f"Found by `parity fuzz --profile {regression.profile}` on {regression.setting.name}.",
    ]
    text = "\n".join(textwrap.fill(fact, _WIDTH, break_long_words=False) for fact in facts)
    return _harmless(f"{': '.join(find.signature).capitalize()}.\n\n{text}")


def _answer_calls(regression: Regression) -> Iterator[str]:
    """Each call with what is right."""
    script, setting = regression.find.script, regression.setting
    refused = [
        answer if isinstance(answer, Raised) and is_hostile(step) else None
        for step, answer in zip_longest(script.steps, regression.find.answers)
    ]
    expected = reference_answers(setting.codec, script, refused)
    for step, answer in zip(script.steps, expected, strict=True):
        yield from _comments(step, setting.vocabulary)
        right = "[]" if answer is None or isinstance(answer, Raised) else _list(answer)
        yield f"({_call(step)}, {right}),"


def _laws_calls(script: Script, vocabulary: Vocabulary) -> Iterator[str]:
    for step in script.steps:
        yield from _comments(step, vocabulary)
        yield f"{_call(step)},"


def _comments(step: Step, vocabulary: Vocabulary) -> Iterator[str]:
    """What each token is."""
    if isinstance(step, Abort | Encode):
        return
    for request in step.requests:
        view = vocabulary.view(request.next_token)
        shown = f"{view.piece!a} <{view.bytes}>" if view.piece else "not in the vocabulary"
        yield f"# uid {request.uid}, {request.next_token}: {shown}"


def _function(step: Step) -> str:
    return type(step).__name__.lower()


def _call(step: Step) -> str:
    if isinstance(step, Abort):
        return f"abort({step.uid})"
    if isinstance(step, Encode):
        return f"encode({', '.join(f'({request.uid}, {_literal(request.prompt)})' for request in step.requests)})"
    messages = (f"({request.uid}, {request.next_token}, {request.finished})" for request in step.requests)
    return f"feed({', '.join(messages)})"


def _list(answer: object) -> str:
    assert isinstance(answer, list)
    return f"[{', '.join(map(_literal, answer))}]"


def _literal(value: object) -> str:
    """A value as source, with double quotes, and with what can't be seen escaped."""
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char == "\ufffd" or unicodedata.combining(char) or not char.isprintable():
        return char.encode("unicode_escape").decode() if char != "\ufffd" else "\\ufffd"
    return char


def _harmless(text: str) -> str:
    """A text that can't end the docstring that it is in."""
    return text.replace("\\", "\\\\").replace('"""', "'''")
