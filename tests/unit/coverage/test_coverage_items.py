"""The items of each dimension: that they are seen where they are, and that the cheapest case has them."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence

import pytest

from harness.convert import from_byte_tokens
from harness.coverage import shapes, splits, templates, text
from harness.coverage.dimension import dimension
from harness.model import Event, TokenizeRequest
from harness.tokenizer import Vocabulary, load_vocabulary

TEMPLATE = (
    "{% if messages[0].role == 'system' %}S{% endif %}"
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no') }}{% endif %}"
    "{{ bos_token if loop.first else '' }}{{ m.content }}{% endfor %}"
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "tokenizer.json").write_bytes(from_byte_tokens(b"b8 ad\n"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>"}))
    return load_vocabulary(folder)


def _follow(vocabulary: Vocabulary, tokens: Sequence[int]) -> set[str]:
    followed = splits.Splits(vocabulary)
    for token in tokens:
        followed.feed(1, token)
    followed.end(1)
    return followed.seen


@pytest.mark.parametrize(
    ("tokens", "seen"),
    [
        ([b"\xe4", b"\xb8\xad"], {"3 bytes, after 1: goes on"}),
        ([b"\xe4", b"\xb8", b"\xad"], {"3 bytes, after 1: goes on", "3 bytes, after 2: goes on"}),
        ([b"\xe4", b"\xb8", b"a"], {"3 bytes, after 1: goes on", "3 bytes, after 2: is broken off"}),
        ([b"\xc3"], {"2 bytes, after 1: is cut off by the end"}),
        ([b"\xe0", b"\x80"], {"3 bytes, after 1: is broken off"}),
        ([b"\xf0", b"\xc3", b"\xa9"], {"4 bytes, after 1: is broken off", "2 bytes, after 1: goes on"}),
        ([b"a", b"\x80", b"\xff", b"b"], set()),
    ],
)
def test_cut_characters_are_seen(vocabulary: Vocabulary, tokens: list[bytes], seen: set[str]) -> None:
    assert _follow(vocabulary, [vocabulary.id_by_bytes[token] for token in tokens]) == seen


def test_an_unknown_id_leaves_a_character_begun(vocabulary: Vocabulary) -> None:
    tokens = [vocabulary.id_by_bytes[b"\xe4"], vocabulary.size, vocabulary.id_by_bytes[b"\xb8\xad"]]
    assert _follow(vocabulary, tokens) == {"3 bytes, after 1: goes on"}


def test_the_cheapest_split_has_it(vocabulary: Vocabulary) -> None:
    assert len(splits.items(vocabulary)) == 18
    for item in splits.items(vocabulary):
        tokens = splits.cheapest(item, vocabulary)["tokens"]
        assert isinstance(tokens, list)
        assert item in _follow(vocabulary, tokens)


def test_scripts_and_their_cheapest_prompts() -> None:
    assert len(text.scripts()) >= 170
    assert text.scripts_of("aб ́1") == {"Latn", "Cyrl"}
    for script in text.scripts():
        assert text.scripts_of(str(text.cheapest_script(script)["prompt"])) == {script}


@pytest.mark.parametrize(
    ("shown", "items"),
    [
        ("plain", set()),
        ("é", {"NFC keeps", "NFD changes", "NFKC keeps", "NFKD changes"}),
        ("e\u0301", {"NFC changes", "NFD keeps", "NFKC changes", "NFKD keeps"}),
        ("\ufb01", {"NFC keeps", "NFD keeps", "NFKC changes", "NFKD changes"}),
    ],
)
def test_normalization_forms(shown: str, items: set[str]) -> None:
    assert text.forms_of(shown) == items


def test_the_cheapest_prompt_shows_a_form() -> None:
    for item in text.form_items():
        assert item in text.forms_of(str(text.cheapest_form(item)["prompt"]))


def test_branches_of_a_template_are_noted() -> None:
    template = templates.Template(TEMPLATE, {"bos_token": "<s>"})
    assert len(template.branches) == 8
    assert template.render([{"role": "user", "content": "a"}])
    taken = {branch.split(", ", 1)[1] for branch in template.taken}
    assert taken == {"if 0: false", "if 1: false", "condexpr 2: true", "for 3: true"}
    assert not template.render([{"role": "tool", "content": "a"}])
    assert any(branch.endswith("if 1: true") for branch in template.taken)


def test_the_shortest_conversation_for_a_branch() -> None:
    template = templates.Template(TEMPLATE, {"bos_token": "<s>"})
    found = {branch.split(", ", 1)[1]: case for branch, case in templates.cheapest_conversations(template).items()}
    assert found["if 0: true"] == {"prompt": [{"role": "system", "content": "a"}]}
    assert found["condexpr 2: false"]["prompt"] == [{"role": "system", "content": "a"}] * 2
    # No short conversation has that role, or no message at all.
    assert not {"if 1: true", "for 3: false"} & found.keys()
    assert template.taken == set()


@pytest.mark.parametrize(
    ("events", "shape"),
    [
        ([Event.FEED], "1 tokens, none ends"),
        ([Event.FINISH] * 8, "2-8 tokens, all end"),
        ([Event.FEED, *[Event.FINISH] * 32], "33-64 tokens, some end"),
        ([Event.FEED] * 257, "257+ tokens, none ends"),
    ],
)
def test_shapes_of_tokens(events: list[Event], shape: str) -> None:
    assert shapes.of_tokens(events) == shape


def test_shapes_of_prompts() -> None:
    plain, chat = TokenizeRequest(1, "a"), TokenizeRequest(2, [{"role": "user", "content": "a"}])
    assert shapes.of_prompts([plain]) == "1 prompts, texts"
    assert shapes.of_prompts([chat, chat]) == "2-8 prompts, conversations"
    assert shapes.of_prompts([plain, chat]) == "2-8 prompts, both"
    assert "1 prompts, both" not in shapes.items(conversations=True)
    assert not any("conversations" in item for item in shapes.items(conversations=False))
    assert shapes.cheapest("33-64 tokens, all end") == {"batch": "33 tokens, all end"}


def test_what_is_seen_exists() -> None:
    found = dimension("d", ["a", "b"], ["b", "c"], lambda item: {"prompt": item})
    assert found.covered == ("b", "c")
    assert [(hole.item, hole.case) for hole in found.holes] == [("a", {"prompt": "a"})]
    assert found.size == 3


def test_every_pinned_template_can_be_followed(project_root: pathlib.Path) -> None:
    for path in sorted((project_root / "corpora" / "templates").glob("*.jinja")):
        template = templates.Template(path.read_text(encoding="utf-8"), {"bos_token": "<s>", "eos_token": "</s>"})
        assert templates.cheapest_conversations(template), path.name
