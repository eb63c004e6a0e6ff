from __future__ import annotations

import base64
import io
import json
import pathlib
import struct
import zipfile
from collections.abc import Callable, Sequence

import pytest
from tokenizers import Tokenizer

from harness.assets import read_pins
from harness.convert import (
    FORMS,
    from_cl100k,
    from_o200k,
    from_sentencepiece_bpe,
    from_sentencepiece_unigram,
    from_wordpiece,
    from_zip,
)
from harness.errors import AssetError
from harness.spiece import Algorithm, Kind, Piece, read_model

MARK = "\u2581"
BYTES = [(f"<0x{byte:02X}>", 0.0, Kind.BYTE) for byte in range(256)]
Given = tuple[str, float, Kind]


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return bytes([*_varint(number << 3), *_varint(value)])
    return bytes([*_varint(number << 3 | 2), *_varint(len(value))]) + value


def _varint(value: int) -> list[int]:
    return [value] if value < 0x80 else [value & 0x7F | 0x80, *_varint(value >> 7)]


def _model(pieces: Sequence[Given], algorithm: Algorithm, normalizer: bytes = b"", fallback: int = 1) -> bytes:
    written = b""
    for text, score, kind in pieces:
        number = bytes(_varint(2 << 3 | 5)) + struct.pack("<f", score)
        written += _field(1, _field(1, text.encode()) + number + _field(3, kind))
    trainer = _field(1, b"input.txt") + _field(3, algorithm) + _field(35, fallback)
    return written + _field(2, trainer) + _field(3, normalizer + _field(4, 0))


def _controls(*pieces: Given) -> list[Given]:
    return [("<unk>", 0.0, Kind.UNKNOWN), ("<s>", 0.0, Kind.CONTROL), ("</s>", 0.0, Kind.CONTROL), *BYTES, *pieces]


def _pieces(data: bytes, text: str) -> list[str]:
    pieces: list[str] = Tokenizer.from_str(data.decode()).encode(text, add_special_tokens=False).tokens
    return pieces


def test_a_model_file_is_read() -> None:
    model = read_model(_model([("a", -1.5, Kind.NORMAL), ("b", 0.0, Kind.USER_DEFINED)], Algorithm.BPE))
    assert model.algorithm is Algorithm.BPE
    assert model.pieces == (Piece("a", -1.5, Kind.NORMAL), Piece("b", 0.0, Kind.USER_DEFINED))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (_model([], Algorithm.BPE, fallback=0), "no byte_fallback"),
        (_model([], Algorithm.BPE, normalizer=_field(2, b"map")), "normalizes characters"),
        (_model([], Algorithm.BPE, normalizer=_field(3, 0)), "no space before"),
        (_model([], Algorithm.BPE) + _field(3, _field(4, 1)), "drops spaces"),
    ],
)
def test_a_model_of_another_kind_is_refused(data: bytes, cause: str) -> None:
    with pytest.raises(AssetError, match=cause):
        read_model(data)


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"\x0b", b"\xff" * 12, b"\x0a\x02\x08\x01", b"\x10\x80"])
def test_what_is_not_a_model_is_refused(data: bytes) -> None:
    with pytest.raises(AssetError):
        read_model(data)


def test_merges_are_in_the_order_of_the_scores_not_of_the_ids() -> None:
    letters = [(letter, -100.0, Kind.NORMAL) for letter in (MARK, "a", "b", "c")]
    pieces = _controls(("ab", -9.0, Kind.NORMAL), ("bc", -5.0, Kind.NORMAL), *letters)
    assert _pieces(from_sentencepiece_bpe(_model(pieces, Algorithm.BPE)), "abc") == [MARK, "a", "bc"]


def test_runs_of_spaces_of_equal_scores_grow_from_the_left() -> None:
    runs = [(MARK * size, -1e9, Kind.NORMAL) for size in (1, 2, 3, 4, 6)]
    data = from_sentencepiece_bpe(_model(_controls(*runs, ("x", -1.0, Kind.NORMAL)), Algorithm.BPE))
    # With the space before the text: 7 and 8. Five are no piece, so two more are joined first.
    assert _pieces(data, " " * 6 + "x") == [MARK * 6, MARK, "x"]
    assert _pieces(data, " " * 7 + "x") == [MARK * 6, MARK * 2, "x"]


def test_a_bpe_model_begins_a_text_and_falls_back_to_bytes() -> None:
    data = from_sentencepiece_bpe(_model(_controls((MARK, -1.0, Kind.NORMAL)), Algorithm.BPE))
    tokenizer = Tokenizer.from_str(data.decode())
    assert tokenizer.encode("é").tokens == ["<s>", MARK, "<0xC3>", "<0xA9>"]
    assert tokenizer.decode([3 + 0xC3, 3 + 0xA9], skip_special_tokens=False) == "é"


def test_a_unigram_model_takes_user_defined_pieces_and_never_spelled_bytes() -> None:
    spelled = [(letter, -3.0, Kind.NORMAL) for letter in (MARK, "<", "0", "x", "A", ">", "[", "e", "]")]
    defined = [("[e]", 0.0, Kind.USER_DEFINED), ("[e", -0.1, Kind.NORMAL)]
    data = from_sentencepiece_unigram(_model(_controls(*spelled, *defined), Algorithm.UNIGRAM))
    assert _pieces(data, "<0x0A>") == [MARK, "<", "0", "x", "0", "A", ">"]
    assert _pieces(data, "\n") == [MARK, "<0x0A>"]
    assert _pieces(data, "[e]") == [MARK, "[e]"]
    assert Tokenizer.from_str(data.decode()).encode("e").tokens == [MARK, "e", "</s>"]
    # SentencePiece gives it as many times the best score as it has bytes, less a tenth.
    assert dict(json.loads(data)["model"]["vocab"])["[e]"] == pytest.approx(3 * -0.1 - 0.1)


def test_a_model_of_the_other_algorithm_is_refused() -> None:
    with pytest.raises(AssetError, match="is UNIGRAM, not BPE"):
        from_sentencepiece_bpe(_model(_controls(), Algorithm.UNIGRAM))


@pytest.mark.parametrize(("convert", "end"), [(from_cl100k, 100257), (from_o200k, 199999)])
def test_special_tokens_of_ranks_keep_their_ids(convert: Callable[[bytes], bytes], end: int) -> None:
    tokens = [*(bytes([byte]) for byte in range(256)), b"ab", b"bc", b"abc"]
    ranks = b"\n".join(base64.b64encode(token) + b" %d" % rank for rank, token in enumerate(tokens))
    tokenizer = Tokenizer.from_str(convert(ranks).decode())
    assert tokenizer.encode("abc<|endoftext|>").ids == [258, end]
    assert tokenizer.encode("xabc").tokens == ["x", "abc"]
    assert tokenizer.id_to_token(259) is None


def test_ranks_that_are_none_are_refused() -> None:
    with pytest.raises(AssetError, match="list of ranks"):
        from_cl100k(b"YQ== one")


def test_a_vocabulary_is_cut_at_line_feeds_only() -> None:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2028", "\x85", "a"]
    vocab = json.loads(from_wordpiece(("\n".join(pieces) + "\n").encode()))["model"]["vocab"]
    assert vocab == {piece: at for at, piece in enumerate(pieces)}


def test_a_zipped_file_is_unzipped() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tokenizer.json", b"{}")
    assert from_zip(buffer.getvalue()) == b"{}"
    with pytest.raises(AssetError, match="no zipped"):
        from_zip(b"not a zip")


def test_every_form_is_used(project_root: pathlib.Path) -> None:
    assert {pin.form for pin in read_pins(project_root / "corpora")} == set(FORMS)
