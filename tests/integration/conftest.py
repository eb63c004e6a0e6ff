from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from harness.engine import Suite
from harness.regen import Maker, read_sources
from harness.targets import Target
from harness.tokenizer import byte_chars

BROKEN = pathlib.Path(__file__).with_name("broken.py")
CORPORA = {
    "calm": 'name = "calm"\nwhy = "nothing to trip over"\n[[text]]\nid = "a"\nwhy = "w"\ntext = "ab cd 中文 é"\n',
    "loud": 'name = "loud"\nwhy = "full of the trigger"\n'
    + "".join(
        f'[[text]]\nid = "{at}"\nwhy = "w"\ntext = "{letter * (at + 1)}!{letter}中!{letter} {letter}!z"\nrepeat = 3\n'
        for at, letter in enumerate("klmnopqr")
    ),
    "generated": "".join(
        f'[[generated]]\nname = "{name}"\nwhy = "w"\nseed = 1\n' for name in ("bytes", "eos", "aborts")
    ),
}


@pytest.fixture(scope="session")
def small_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A byte-level tokenizer whose id for a single byte is that byte; EOS is 256."""
    folder = tmp_path_factory.mktemp("small")
    vocab = {char: byte for byte, char in enumerate(byte_chars())}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<eos>", special=True, normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<eos>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_suite(small_tokenizer: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Suite:
    corpora = tmp_path_factory.mktemp("corpora")
    for name, content in CORPORA.items():
        (corpora / f"{name}.toml").write_text(content, encoding="utf-8")
    goldens = tmp_path_factory.mktemp("goldens")
    manifest = Maker("small", small_tokenizer, corpora).make(read_sources(corpora), goldens, lambda _: None)
    return Suite("small", small_tokenizer, goldens, manifest.goldens)


@pytest.fixture(scope="session")
def broken_target() -> Callable[[str], Target]:
    return lambda name: Target(name, spec=f"{BROKEN}:{name}")
