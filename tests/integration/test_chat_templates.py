"""Conversations rendered in Rust, against transformers, by the templates that real models have."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from typing import Any

import pytest
from transformers.utils import chat_template_utils

from harness.corpus import read_corpora
from harness.packages import Member, cache_folder, fetch
from tests.integration import made_up, sdists

ROOT = pathlib.Path(__file__).parents[2]
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
FEWEST = 40
NOW = datetime.datetime(2025, 3, 9, 17, 4, 5)
_utils: Any = chat_template_utils

pytestmark = pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")


@pytest.fixture(scope="module")
def renderer() -> pathlib.Path:
    rust = ROOT / "impls" / "rust"
    command = ["cargo", "build", "--release", "--locked", "-p", "minisgl-tokenizer", "--example", "render-chat"]
    subprocess.run(command, cwd=rust, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", rust / "target"))
    return rust / target / "release" / "examples" / "render-chat"


@pytest.fixture(scope="module")
def conversations() -> list[list[dict[str, str]]]:
    return [list(chat) for corpus in read_corpora(ROOT / "corpora") for chat in corpus.conversations]


class _Clock(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _Clock:
        return cls.fromtimestamp(NOW.timestamp(), tz)


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_utils, "datetime", _Clock)


def _real_templates() -> dict[str, str]:
    listed = tomllib.loads((ROOT / "corpora" / "chat-templates.toml").read_text(encoding="utf-8"))
    contents: dict[str, bytes] = {}
    for package in listed["package"]:
        name, version, templates = package["name"], package["version"], package["templates"]
        if "sdist" in package:
            contents |= sdists.fetch(f"{name}=={version}", package["sdist"], templates, cache_folder())
        else:
            members = [Member(name, version, *item) for item in templates.items()]
            contents |= {m.member: fetch(m, members, cache_folder(), lambda _: None) for m in members}
    return {path: data.decode() for path, data in contents.items()}


def _in_python(template: str, conversations: Sequence[list[dict[str, str]]]) -> list[str | None]:
    rendered: list[str | None] = []
    for conversation in conversations:
        try:
            texts, _ = _utils.render_jinja_template(
                [conversation], chat_template=template, add_generation_prompt=True, **SPECIAL_TOKENS
            )
            rendered.append(texts[0])
        except Exception:
            rendered.append(None)
    return rendered


def _in_rust(
    renderer: pathlib.Path, templates: Sequence[str], conversations: Sequence[list[dict[str, str]]]
) -> list[list[dict[str, Any]]]:
    common = {"special_tokens": SPECIAL_TOKENS, "conversations": conversations, "time": int(NOW.timestamp())}
    asked = [json.dumps({"template": template, **common}) for template in templates]
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
    counts = _compare(renderer, made_up.SAME, conversations)
    assert sum(count > 0 for count in counts.values()) > 30


def test_what_is_rendered_is_never_other_text(renderer: pathlib.Path) -> None:
    templates = list(dict.fromkeys(made_up.either()))
    chat = [{"role": "user", "content": ' a,b\n"x" '}, {"role": "assistant", "content": "c", "reasoning": "r"}]
    rendered = {
        template: text
        for template, (answer,) in zip(templates, _in_rust(renderer, templates, [chat]), strict=True)
        if (text := answer.get("text")) is not None
    }
    assert len(rendered) > len(templates) // 4
    assert {template: _in_python(template, [chat])[0] for template in rendered} == rendered


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
