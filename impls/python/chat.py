"""Conversations rendered to text by a tokenizer's chat template.

The environment has what templates are written for: the sandbox, whitespace rules, filters and functions of
transformers. A template is untrusted code, hence the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

_REASONING_FIELDS = ("reasoning_content", "thinking", "reasoning")


class ChatTemplate:
    """A compiled template. `special_tokens` are variables that it may use, such as `bos_token`."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        functions = {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        self._template = _environment().from_string(source, globals=functions)
        self._special_tokens = dict(special_tokens)

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The text of a conversation, with the prompt for the model's answer at the end."""
        if not messages:
            raise ValueError("an empty conversation can't be rendered: give at least one message")
        return self._template.render(
            messages=[_with_reasoning(message) for message in messages],
            tools=None,
            documents=None,
            add_generation_prompt=True,
            **self._special_tokens,
        )


class _Generation(Extension):
    """The tag `{% generation %}` marks the model's own words; they are rendered as they are."""

    tags = {"generation"}  # noqa: RUF012  (the base class declares an instance variable)

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # jinja2's own filter escapes HTML characters, which a model must not see.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


def _with_reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message without empty fields, its reasoning under each of the names that templates read."""
    present = {key: value for key, value in message.items() if value is not None}
    for field in _REASONING_FIELDS:
        if field in present:
            return {"thinking": present[field], **present, "reasoning_content": present[field]}
    return present
