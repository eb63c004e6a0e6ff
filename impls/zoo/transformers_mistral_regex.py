"""transformers#42299: Mistral's tekken vocabulary was given Llama-3's pre-tokenizer."""

from __future__ import annotations

import pathlib
from functools import cache

from tokenizers import Regex, pre_tokenizers

from harness.zoo.bug import Bug, calls, prompts
from impls.zoo.base import Encoder, load

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BUG = Bug(
    seen=("huggingface/transformers#42299", "huggingface/transformers#42591", "huggingface/transformers#42131"),
    symptom="ids that the model was not trained on, for words with capitals, marks or apostrophes in them",
    cause="the converter's default pattern is used, not the vocabulary's own",
    tokenizer="tekken",
    check="golden:ids differ",
    smallest=calls(prompts("को")),
)


@cache
def factory(tokenizer_dir: pathlib.Path) -> Encoder:
    """The backend that has the bug."""
    tokenizer = load(tokenizer_dir)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return Encoder(tokenizer_dir, tokenizer)
