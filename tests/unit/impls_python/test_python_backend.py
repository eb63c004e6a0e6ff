"""Tables, tokenizer folders, prompts and chat templates."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import jinja2
import pytest
from tokenizers import Tokenizer

from harness.model import DetokenizeRequest, TokenizeRequest
from impls.python import factory
from impls.python.chat import ChatTemplate
from impls.python.printable import is_cjk, printable_length
from impls.python.vocabulary import (
    FallbackDecoder,
    byte_level_bytes,
    fallback_decoder,
    is_byte_level,
    read_pieces,
)
from tests.unit.impls_python.tiny import EOS, TINY, byte_fallback, byte_level, id_of, save

REPLACE: dict[str, Any] = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
STRIP: dict[str, Any] = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
BYTES_AND_FUSE: list[dict[str, Any]] = [{"type": "ByteFallback"}, {"type": "Fuse"}]


@pytest.mark.parametrize("make", [byte_level, byte_fallback])
def test_the_table_of_a_vocabulary_is_what_the_decoder_answers(make: Callable[[], Tokenizer]) -> None:
    tokenizer = make()
    pieces = read_pieces(tokenizer)
    assert None in pieces  # the gap
    letter = id_of(tokenizer, "a")
    for token, piece in enumerate(pieces):
        expected = tokenizer.decode([letter, token], skip_special_tokens=False)[1:].encode()
        if make is byte_level:
            data = b"" if piece is None else byte_level_bytes(piece)
        else:
            decoded = FallbackDecoder([("▁", " ")], strips_space=True).table([piece]).pieces[0]
            data = decoded.encode() if isinstance(decoded, str) else decoded or b""
        assert data.decode(errors="replace").encode() == expected, piece


@pytest.mark.parametrize(
    ("piece", "data"),
    [
        ("Ġa", b" a"),
        ("<｜x｜>", "<｜x｜>".encode()),  # with a character out of the alphabet: as it is
        ("two words", b"two words"),
        ("é", b"\xe9"),  # within the alphabet: one byte, a special token no less than others
        ("", b""),
    ],
)
def test_the_bytes_of_a_byte_level_piece(piece: str, data: bytes) -> None:
    assert byte_level_bytes(piece) == data


@pytest.mark.parametrize(
    ("piece", "decoded"),
    [("<0xE4>", b"\xe4"), ("<0xff>", b"\xff"), ("<0x+F>", b"\x0f")]
    + [(piece, piece) for piece in ("<0xE>", "<0xzz>", "<0xé>", "<0x >", "<0xE44>", "0xE4")],
)
def test_byte_tokens(piece: str, decoded: str | bytes) -> None:
    tokenizer = byte_fallback()
    assert FallbackDecoder([], strips_space=True).table([piece]).pieces == [decoded]
    tokenizer.add_tokens([piece])
    text = decoded if isinstance(decoded, str) else decoded.decode(errors="replace")
    assert tokenizer.decode([id_of(tokenizer, piece)]) == text


@pytest.mark.parametrize(
    ("steps", "strips"),
    [
        ([REPLACE, *BYTES_AND_FUSE, STRIP], True),
        ([REPLACE, *BYTES_AND_FUSE], False),
        ([*BYTES_AND_FUSE], False),
        ([REPLACE, *BYTES_AND_FUSE, STRIP | {"start": 2}], None),
        ([REPLACE, {"type": "Fuse"}, {"type": "ByteFallback"}], None),
        ([{"type": "Metaspace"}, *BYTES_AND_FUSE], None),
        ([REPLACE | {"pattern": {"Regex": "▁"}}, *BYTES_AND_FUSE], None),
        ([], None),
    ],
)
def test_the_decoders_that_join_bytes(steps: list[dict[str, Any]], strips: bool | None) -> None:
    found = fallback_decoder({"type": "Sequence", "decoders": steps})
    assert (None if found is None else found.strips_space) == strips


def test_other_decoders_are_left_to_windows() -> None:
    assert is_byte_level({"type": "ByteLevel"})
    for decoder in (None, {"type": "WordPiece"}, {"type": "Metaspace"}):
        assert not is_byte_level(decoder)
        assert fallback_decoder(decoder) is None


@pytest.mark.parametrize("char", ["一", "\u9fff", "㐀", "\U00020000", "\U0002ceaf", "豈", "\U0002f800"])
def test_ideographs(char: str) -> None:
    assert is_cjk(char)


@pytest.mark.parametrize("char", ["", "a", "あ", "한", "。", "\ufffd", "\ua000", "\U0002a6e0", "\U0002ceb0"])
def test_characters_that_are_no_ideographs(char: str) -> None:
    assert not is_cjk(char)


@pytest.mark.parametrize(
    ("text", "length"),
    [("", 0), ("a b\ufffd", 2), ("ab\n", 3), ("a関", 2), ("a関\ufffd", 2), ("関\ufffd\ufffd", 0)],
)
def test_the_printable_part(text: str, length: int) -> None:
    assert printable_length(text) == length


def test_the_end_of_stream_token_may_be_given_as_a_map(tmp_path: pathlib.Path) -> None:
    tokenizer = byte_level()
    backend = factory(save(tokenizer, tmp_path, eos_token={"content": EOS, "lstrip": False}))
    assert backend.detokenize([DetokenizeRequest(0, id_of(tokenizer, EOS), True)]) == [""]
    assert backend.detokenize([DetokenizeRequest(0, id_of(tokenizer, EOS), False)]) == [EOS]


def test_truncation_and_padding_of_the_file_are_not_used(tmp_path: pathlib.Path) -> None:
    tokenizer = byte_level()
    expected = [tokenizer.encode("abc").ids, tokenizer.encode("a").ids]
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=7, pad_id=0, pad_token="Ā")
    backend = factory(save(tokenizer, tmp_path))
    assert backend.tokenize([TokenizeRequest(1, "abc"), TokenizeRequest(2, "a")]) == expected
    assert len(expected[0]) == 3
    assert backend.tokenize([]) == []


def test_a_special_token_named_in_the_configuration_is_one_in_prompts(tmp_path: pathlib.Path) -> None:
    tokenizer = TINY["word_piece"]()
    backend = factory(save(tokenizer, tmp_path, bos_token="<bos>"))
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    assert backend.tokenize([TokenizeRequest(0, "<bos>")]) == [[size]]
    assert backend.detokenize([DetokenizeRequest(0, size, False)]) == ["<bos>"]


TEMPLATE = "{% for m in messages %}{{ m.role }}:{{ m.content }}{{ eos_token }}{% endfor %}{{ add_generation_prompt }}"
CONVERSATION = [{"role": "user", "content": "a"}, {"role": "bot", "content": "b"}]
RENDERED = f"user:a{EOS}bot:b{EOS}True"


@pytest.mark.parametrize(
    "config", [TEMPLATE, [{"name": "default", "template": TEMPLATE}, {"name": "other", "template": "x"}]]
)
def test_a_conversation_is_rendered_and_encoded_like_a_text(config: Any, tmp_path: pathlib.Path) -> None:
    backend = factory(save(byte_level(), tmp_path, chat_template=config))
    rendered, text = backend.tokenize([TokenizeRequest(0, CONVERSATION), TokenizeRequest(1, RENDERED)])
    assert rendered == text


def test_the_template_of_the_file_goes_first(tmp_path: pathlib.Path) -> None:
    folder = save(byte_level(), tmp_path, chat_template="other")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    rendered, text = factory(folder).tokenize([TokenizeRequest(0, CONVERSATION), TokenizeRequest(1, RENDERED)])
    assert rendered == text


def test_a_conversation_needs_a_template(tmp_path: pathlib.Path) -> None:
    backend = factory(save(byte_level(), tmp_path))
    with pytest.raises(ValueError, match="no chat template"):
        backend.tokenize([TokenizeRequest(0, CONVERSATION)])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("  {% if true %}\nx\n  {% endif %}\ny\n", "x\ny"),  # blocks take their line with them
        ("{{ messages[0] | tojson }}", '{"role": "user", "content": "é<\'"}'),
        ("{{ messages[0] | tojson(indent=1, sort_keys=true) }}", '{\n "content": "é<\'",\n "role": "user"\n}'),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{% generation %}{{ messages | length }}{% endgeneration %}", "1"),
        ("{{ bos_token }}{{ tools }}{{ documents }}{{ unknown }}", "<s>NoneNone"),
        ("{{ strftime_now('%%') }}", "%"),
        ("{{ messages[0].tool_calls is defined }}", "False"),
    ],
)
def test_what_templates_may_use(source: str, text: str) -> None:
    message: dict[str, Any] = {"role": "user", "content": "é<'", "tool_calls": None}
    assert ChatTemplate(source, {"bos_token": "<s>"}).render([message]) == text


@pytest.mark.parametrize("source", ["{{ raise_exception('no') }}", "{{ messages.append(1) }}", "{{ ''.__class__.x }}"])
def test_what_templates_may_not_do(source: str) -> None:
    with pytest.raises(jinja2.TemplateError):
        ChatTemplate(source, {}).render([{"role": "user", "content": ""}])


def test_an_empty_conversation_is_refused() -> None:
    with pytest.raises(ValueError, match="empty conversation"):
        ChatTemplate("x", {}).render([])
