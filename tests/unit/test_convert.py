"""Published forms of tokenizers become tokenizer.json, and what is made of them encodes as their own rules say."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from tokenizers import Tokenizer

from harness.convert import FORMS, as_it_is, from_byte_tokens, from_tekken, from_wordpiece
from harness.tokenizer import byte_chars

SPECIALS = 30
# Each token of more than a byte is made of two that come before it; "abc" in two ways.
MERGED = [b"ab", b"bc", b"abc", b" a", b"\xc3\xa9", b" ab", b"\xe4\xb8"]


def tekken(tokens: list[bytes]) -> bytes:
    ordinary = [*(bytes([byte]) for byte in range(256)), *tokens]
    vocab = [{"rank": rank, "token_bytes": base64.b64encode(token).decode()} for rank, token in enumerate(ordinary)]
    config = {
        "default_num_special_tokens": SPECIALS,
        "default_vocab_size": SPECIALS + len(ordinary),
        "pattern": r" ?\p{L}+|[^\p{L}]",
    }
    # The published files have more tokens than the models use.
    unused = {"rank": len(ordinary), "token_bytes": base64.b64encode(b"cab").decode()}
    return json.dumps({"config": config, "vocab": [*vocab, unused]}).encode()


def load(document: bytes) -> Tokenizer:
    return Tokenizer.from_str(document.decode())


def by_rank(word: bytes, tokens: list[bytes]) -> list[bytes]:
    """Byte pair encoding from its definition: the pair with the lowest rank is joined, again and again."""
    parts = [bytes([byte]) for byte in word]
    while True:
        pairs = [left + right for left, right in pairwise(parts)]
        known = [pair for pair in pairs if pair in tokens]
        if not known:
            return parts
        at = pairs.index(min(known, key=tokens.index))
        parts[at : at + 2] = [pairs[at]]


@pytest.mark.parametrize("text", ["abc", "bcabc", " ab abc", "é中 ab", "cab", "aabbcc", "\n\n ab", ""])
def test_tekken_encodes_by_rank(text: str) -> None:
    tokenizer = load(from_tekken(tekken(MERGED)))
    [bos, *ids] = tokenizer.encode(text).ids
    assert bos == tokenizer.token_to_id("<s>") == 1
    found = [bytes([token - SPECIALS]) if token < SPECIALS + 256 else MERGED[token - SPECIALS - 256] for token in ids]
    words = [part for word in split(text) for part in by_rank(word.encode(), MERGED)]
    # A word that is a token is that token, whatever its parts are.
    assert b"".join(found) == text.encode()
    assert found == words


def split(text: str) -> list[str]:
    words: list[str] = []
    for char in text:
        joins = bool(words) and char.isalpha() and (words[-1] == " " or words[-1][-1].isalpha())
        if joins:
            words[-1] += char
        else:
            words.append(char)
    return words


def test_tekken_has_its_special_tokens_first_and_no_unused_ones() -> None:
    document = json.loads(from_tekken(tekken(MERGED)))
    added = {token["content"]: token["id"] for token in document["added_tokens"]}
    assert len(added) == SPECIALS
    assert (added["<unk>"], added["<s>"], added["</s>"], added["[INST]"], added["[TOOL_CONTENT]"]) == (0, 1, 2, 3, 19)
    assert added["<SPECIAL_29>"] == 29
    assert all(token["special"] for token in document["added_tokens"])
    assert len(document["model"]["vocab"]) == SPECIALS + 256 + len(MERGED)
    assert "cab" not in document["model"]["vocab"]


def test_tekken_merges_are_all_ways_to_make_a_token_in_the_order_of_rank() -> None:
    merges = json.loads(from_tekken(tekken(MERGED)))["model"]["merges"]
    made = ["".join(pair) for pair in merges]
    order = ["".join(byte_chars()[byte] for byte in token) for token in MERGED]
    assert [order.index(token) for token in made] == sorted(order.index(token) for token in made)
    assert [pair for pair in merges if "".join(pair) == "abc"] == [["a", "bc"], ["ab", "c"]]


def test_wordpiece() -> None:
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "##a", ",", "中"]
    tokenizer = load(from_wordpiece("\n".join(vocab).encode()))
    encoded = tokenizer.encode("UNAFFABLE, Ünaffa 中国")
    assert encoded.tokens == ["[CLS]", "un", "##aff", "##able", ",", "un", "##aff", "##a", "中", "[UNK]", "[SEP]"]
    assert encoded.ids == [vocab.index(token) for token in encoded.tokens]
    assert tokenizer.decode(encoded.ids) == "unaffable, unaffa 中"


def test_byte_tokens() -> None:
    source = b"# made up\ne4b8 # the start of a character\n\nadff\n2041\n"
    tokenizer = load(from_byte_tokens(source))
    assert tokenizer.get_vocab_size(with_added_tokens=True) == 256 + 3 + 3
    assert tokenizer.encode("é<|end|>").ids == [0xC3, 0xA9, 259]
    assert tokenizer.decode([256, 0xAD, 258, 0xFF, 256, 257], skip_special_tokens=False) == "中 A\ufffd中\ufffd"


def test_the_same_source_gives_the_same_bytes() -> None:
    assert from_tekken(tekken(MERGED)) == from_tekken(tekken(MERGED))
    assert as_it_is(b"{ }") == b"{ }"


def test_every_form_of_the_list_is_known(project_root: Any) -> None:
    from harness.assets import read_pins

    assert {pin.form for pin in read_pins(project_root / "corpora")} == set(FORMS)
