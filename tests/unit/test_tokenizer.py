from __future__ import annotations

import json
import pathlib

import pytest

from harness.convert import from_byte_tokens
from harness.tokenizer import LibraryCodec, load_vocabulary


@pytest.mark.parametrize(
    ("piece", "data"),
    [("þþ", b"\xfe\xfe"), ("Ġþ", b" \xfe"), ("þ中", "þ中".encode()), ("<|x|>", b"<|x|>"), (" ", b" ")],
)
def test_an_added_token_has_the_bytes_that_the_decoder_makes_of_it(
    piece: str, data: bytes, tmp_path: pathlib.Path
) -> None:
    pipeline = json.loads(from_byte_tokens(b""))
    token = 1 + max([*pipeline["model"]["vocab"].values(), *(added["id"] for added in pipeline["added_tokens"])])
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    pipeline["added_tokens"].append({"id": token, "content": piece, **flags})
    (tmp_path / "tokenizer.json").write_text(json.dumps(pipeline), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<|end|>"}', encoding="utf-8")
    vocabulary = load_vocabulary(tmp_path)
    assert vocabulary.bytes_by_id[token] == data
    assert LibraryCodec(tmp_path, vocabulary.eos_id).decode_batch([[token]]) == [data.decode("utf-8", "replace")]
