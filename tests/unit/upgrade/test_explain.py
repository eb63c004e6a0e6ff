from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from harness import golden
from harness.convert import from_byte_tokens
from harness.golden import Entry, Manifest, Provenance
from harness.model import Event, Program
from harness.upgrade import worker
from harness.upgrade.explain import explain, settings
from harness.upgrade.groups import Change, Group, Grouping
from harness.upgrade.sides import Side, read_side
from harness.upgrade.worker import Job, make

TEXTS = "".join(
    f'[[text]]\nid = "{at}"\nwhy = "w"\ntext = "{text}"\n'
    for at, text in enumerate(("cab", "the cab", "a bad cab's cabin", "x", "e\\u0301 x", "cab <|end|> cab"))
)
CHATS = '[[conversation]]\nid = "c"\nwhy = "w"\n[[conversation.messages]]\nrole = "user"\ncontent = "cab"\n'
TOKENS = b"61 62\n63 61\n63 61 62\n20 63 61 62\n"
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(worker, "probe_texts", lambda: iter(["a\u0301b", "a\u1c89b"]))
    folder = tmp_path / "tiny"
    folder.mkdir()
    document = json.loads(from_byte_tokens(TOKENS))
    document["model"] |= {"merges": [["c", "a"], ["ca", "b"], ["Ġ", "cab"]], "ignore_merges": False}
    document["pre_tokenizer"]["use_regex"] = True
    (folder / "tokenizer.json").write_text(json.dumps(document))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|end|>"}')
    (folder / "chat_template.jinja").write_text("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "texts.toml").write_text(f'name = "texts"\nwhy = "w"\n{TEXTS}{CHATS}')
    (tmp_path / "corpora" / "generated.toml").write_text('[[generated]]\nname = "eos"\nwhy = "w"\nseed = 1\n')
    return folder


def _side(folder: pathlib.Path, word: str) -> Side:
    goldens, trace = folder.parent / word / "goldens", folder.parent / word / "trace"
    goldens.mkdir(parents=True)
    trace.mkdir()
    make(Job("tiny", str(folder), str(folder.parent / "corpora"), str(goldens), str(trace)))
    return read_side(goldens, trace)


def _compare(folder: pathlib.Path, edit: Edit | None = None, template: str = "") -> tuple[list[Group], list[str]]:
    """What an edit of tokenizer.json, or another template, changes."""
    edited = folder.parent / "edited"
    shutil.copytree(folder, edited)
    document = json.loads((folder / "tokenizer.json").read_bytes())
    if edit is not None:
        edit(document)
        (edited / "tokenizer.json").write_text(json.dumps(document))
    if template:
        (edited / "chat_template.jinja").write_text(template)
    one, other = _side(folder, "before"), _side(edited, "after")
    grouping = Grouping()
    explain(one, other, grouping)
    groups = grouping.groups()
    # What is asked on one side only follows from other ids.
    return [group for group in groups if group.change != Change.QUESTIONS], settings(one, other)


def test_the_same_is_no_difference(folder: pathlib.Path) -> None:
    assert _compare(folder) == ([], [])


def test_a_merge_that_is_gone_is_one_group(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["model"]["merges"].remove(["c", "a"])
        document["model"]["merges"].remove(["ca", "b"])
        document["model"]["merges"].remove(["Ġ", "cab"])

    (group,), changed = _compare(folder, edit)
    assert (group.change, group.cause) == (Change.IDS, "the merge 'c' + 'a' is gone")
    assert (group.before, group.after) == ("'cab'", "'c' 'a' 'b'")
    # In five texts and the conversation, however often in each.
    assert group.count == 5
    assert changed == []


def test_a_new_merge(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["model"]["merges"].insert(0, ["a", "b"])

    (group,), _ = _compare(folder, edit)
    assert (group.change, group.cause) == (Change.IDS, "the merge 'a' + 'b' is new")
    assert (group.before, group.after) == ("'cab'", "'c' 'ab'")


def test_ids_that_moved(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        vocab = document["model"]["vocab"]
        vocab["a"], vocab["x"] = vocab["x"], vocab["a"]

    groups, _ = _compare(folder, edit)
    distance = ord("x") - ord("a")
    assert {(group.change, group.cause) for group in groups} == {
        (Change.IDS, f"ids moved by {distance:+}"),
        (Change.IDS, f"ids moved by {-distance:+}"),
    }


def test_another_normalizer(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["normalizer"] = {"type": "NFC"}

    groups, changed = _compare(folder, edit)
    assert [(group.change, group.cause) for group in groups] == [
        (Change.NORMALISATION, "normalizer was nothing and is NFC"),
    ]
    assert groups[0].count == 2  # a text and a probe
    assert changed == ["normalizer was nothing and is NFC"]


def test_characters_that_are_split_otherwise_by_the_same_setting(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = _side(folder, "before"), _side(folder, "after")
    assert other.probed is not None
    lines = other.probed.read_text(encoding="utf-8").splitlines()
    probe = json.loads(lines[1])
    (word,) = probe["splits"]
    probe["splits"] = [word[0], word[1:]]
    other.probed.write_text("\n".join([lines[0], json.dumps(probe)]), encoding="utf-8")
    grouping = Grouping()
    explain(one, other, grouping)
    (group,) = grouping.groups()
    assert (group.change, group.place) == (Change.NORMALISATION, "character U+1C89")
    assert group.cause == "the pre_tokenizer is set alike and does otherwise, with the same ids"


def test_characters_that_other_settings_leave_their_ids_are_no_difference(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["pre_tokenizer"]["use_regex"] = False

    groups, changed = _compare(folder, edit)
    assert [line.split()[0] for line in changed] == ["pre_tokenizer"]
    assert not any(group.place.startswith("character") for group in groups)


def test_a_setting_that_changes_no_answer_is_told(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        sequence = [{"type": "Replace", "pattern": {"String": "~"}, "content": "~"}]
        document["normalizer"] = {"type": "Sequence", "normalizers": sequence}
        document["post_processor"] = {"type": "Sequence", "processors": []}

    groups, changed = _compare(folder, edit)
    assert groups == []
    assert changed[0] == "normalizer was nothing and is Sequence[Replace(pattern='{'String': '~'}', content='~')]"


def test_settings_that_look_alike_in_short(tmp_path: pathlib.Path) -> None:
    one, other = (_streams(tmp_path / word, ["a"]) for word in ("1", "2"))
    for side, parts in ((one, []), (other, [{"A": 1}])):
        side.pipeline["post_processor"] = {"type": "TemplateProcessing", "single": parts}
    assert settings(one, other) == ["post_processor is another TemplateProcessing"]


def test_another_template(folder: pathlib.Path) -> None:
    template = (folder / "chat_template.jinja").read_text().replace("<", "[").replace(">", "]")
    (group,), _ = _compare(folder, template=template)
    assert (group.change, group.count) == (Change.TEMPLATE, 1)
    assert (group.before, group.after) == ("'<user>cab'", "'[user]cab'")


def test_a_template_that_refuses(folder: pathlib.Path) -> None:
    (group,), _ = _compare(folder, template="{{ raise_exception('no') }}")
    assert (group.change, group.cause) == (Change.TEMPLATE, "a conversation has an answer only before")


def test_a_new_special_token(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        last = document["added_tokens"][-1]
        document["added_tokens"].append({**last, "id": last["id"] + 1, "content": "bad"})

    (group,), _ = _compare(folder, edit)
    assert (group.change, group.cause) == (Change.SPECIALS, "'bad' is new")
    assert group.count == 2  # the vocabulary and a text


def test_a_setting_of_a_special_token(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["added_tokens"][0]["lstrip"] = True

    groups, _ = _compare(folder, edit)
    assert groups[0].cause == "lstrip of an added token was False and is True: '<|end|>'"


def test_another_decoder(folder: pathlib.Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        replace = {"type": "Replace", "pattern": {"String": "x"}, "content": "y"}
        document["decoder"] = {"type": "Sequence", "decoders": [document["decoder"], replace]}

    groups, changed = _compare(folder, edit)
    assert {group.change for group in groups} == {Change.TEXT}
    assert len(changed) == 1
    assert changed[0].startswith("decoder was ByteLevel")
    assert {group.cause for group in groups} == set(changed)


def _streams(folder: pathlib.Path, chunks: list[str | None], clean_up: bool = False) -> Side:
    """A side of one stream of as many tokens as it has chunks."""
    folder.mkdir()
    path = folder / "c.detokenize.parquet"
    last = len(chunks) - 1
    events = [Event.FINISH if at == last else Event.FEED for at in range(len(chunks))]
    program = Program("c/one", [5] * len(chunks), list(range(len(chunks))), events, [1] * len(chunks))
    content, cases, messages = golden.write_detokenize(path, [(program, chunks)])
    entry = Entry("c", "0", "detokenize", path.name, golden.file_sha256(path), content, cases, messages, False)
    golden.write_manifest(folder, Manifest(golden.SCHEMA, "t", Provenance("0", "1", "2", "3", "4"), (entry,)))
    return Side(folder, golden.read_manifest(folder), {"clean_up": clean_up})


@pytest.mark.parametrize(
    ("before", "after", "change", "cause"),
    [
        (["a", " b"], ["a ", "b"], Change.CHUNKS, "the same text is sent in other chunks"),
        (["ab", "c"], ["ab", ""], Change.TEXT, "the text has '' for 'c'"),
        (["x", "."], ["x", " ."], Change.TEXT, "clean_up_tokenization_spaces was True and is False, at ' .'"),
        (["x", "y"], ["x", "z"], Change.TEXT, "the text has 'z' for 'y'"),
    ],
)
def test_streams(
    tmp_path: pathlib.Path, before: list[str | None], after: list[str | None], change: Change, cause: str
) -> None:
    grouping = Grouping()
    explain(_streams(tmp_path / "1", before, clean_up=True), _streams(tmp_path / "2", after), grouping)
    (group,) = grouping.groups()
    assert (group.change, group.cause, group.count) == (change, cause, 1)
