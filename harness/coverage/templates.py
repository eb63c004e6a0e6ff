"""The branches of a chat template that conversations take."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from harness.coverage.dimension import Case

if TYPE_CHECKING:
    from jinja2 import Environment

Conversation = Sequence[Mapping[str, str]]

ROLES = ("system", "user", "assistant")
_CONTENTS = ("a", " a ", "")
_LONGEST = 3
_RECORDER = "_branch_taken"


class Template:
    """A chat template that notes each condition and loop: whether it came out true, and whether it came out false."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        from jinja2 import nodes

        environment = _environment()
        tree = environment.parse(source)
        self.branches: list[str] = []
        for kind, attribute in ((nodes.If, "test"), (nodes.CondExpr, "test"), (nodes.For, "iter")):
            for node in tree.find_all(kind):
                what = f"line {node.lineno}, {kind.__name__.lower()} {len(self.branches) // 2}"
                self.branches += [f"{what}: true", f"{what}: false"]
                arguments = [nodes.Const(what), getattr(node, attribute)]
                setattr(node, attribute, nodes.Call(nodes.Name(_RECORDER, "load"), arguments, [], None, None))
        tree.set_environment(environment)
        self._template = environment.from_string(tree)
        self._special_tokens = dict(special_tokens)
        self.taken: set[str] = set()

    def render(self, conversation: Conversation) -> bool:
        """Note the branches that a conversation takes; False if the template refuses it."""
        from jinja2 import TemplateError

        given = {"messages": [dict(turn) for turn in conversation], "add_generation_prompt": True, "tools": None}
        try:
            self._template.render({**self._special_tokens, **given, "documents": None, _RECORDER: self._take})
        except TemplateError:
            return False
        return True

    def _take(self, what: str, value: Any) -> Any:
        self.taken.add(f"{what}: {'true' if value else 'false'}")
        return value


def cheapest_role(role: str) -> Case:
    """A conversation with a role in it."""
    return {"prompt": [{"role": role, "content": "a"}]}


def cheapest_conversations(template: Template) -> dict[str, Case]:
    """For each branch that a conversation of up to three short turns takes, the first such conversation."""
    found: dict[str, Case] = {}
    before, template.taken = template.taken, set()
    for conversation in _conversations():
        template.taken.clear()
        if template.render(conversation):
            for branch in template.taken:
                found.setdefault(branch, {"prompt": conversation})
    template.taken = before
    return found


def _environment() -> Environment:
    """What transformers renders with, as far as a condition can depend on it."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> NoReturn:
        raise TemplateError(message)

    extensions = ["jinja2.ext.loopcontrols"]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: form
    return environment


def _conversations() -> Iterator[list[dict[str, str]]]:
    turns = [{"role": role, "content": content} for content in _CONTENTS for role in ROLES]
    for length in range(1, _LONGEST + 1):
        for chosen in itertools.product(turns, repeat=length):
            yield [dict(turn) for turn in chosen]
