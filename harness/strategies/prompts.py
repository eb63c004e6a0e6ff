"""Drawing prompts: texts of the corpora changed, joined and repeated, and batches of prompts that are alike."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from harness.model import Prompt
from harness.strategies.material import Material

_PIECES = (
    " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r", "\x00", "\x0b", "\x85", "\xa0", "\xad", "\u200b",
    "\u200d", "\u2028", "\u2060", "\u3000", "\ufe0f", "\ufeff", "\ufffd", "e\u0301", "\u1e9b\u0323", "\uac00", "ﬁ", "Ω",
    "\\n", "\\u00e9", "%s", "%20", "{}", "{0}", "{{ x }}", "{% if %}", "&amp;", "<b>", "</s>", "[1, 2]", "12 34", '"',
    "“”", "‘’", "'s", "#", "@a", "A", "İ", "ß", "😀", "中", "0", "<think>",
    '[{"role": "user", "content": "a"}]', '{"a":  1}',
)  # fmt: skip
"""What something on the way to the encoder may take for its own: white space, escapes, markup, numbers, forms."""

_ROLES = ("user", "assistant", "system", "tool", "function", "User", "developer")


def _form(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> Callable[[str], str]:
    return lambda text: unicodedata.normalize(form, text)


_LIKE: Sequence[Callable[[str], str]] = (
    str.strip,
    str.lower,
    str.upper,
    lambda text: "".join(text.split()),
    lambda text: " ".join(text.split()),
    _form("NFC"),
    _form("NFD"),
    _form("NFKC"),
    lambda text: text,
    lambda text: f"{text} ",
    lambda text: f"a{text}",
    lambda text: f"{text}a",
    lambda text: text[:-1],
    lambda text: text[1:],
    lambda text: f"{text[: len(text) // 2]}a{text[len(text) // 2 + 1 :]}",
    lambda text: text[::-1],
)
"""Texts that a cache might take for the one given."""


def draw_prompts(chance: random.Random, material: Material, count: int) -> list[Prompt]:
    """The prompts of one batch, of which one is often like another."""
    prompts: list[Prompt] = []
    for _ in range(count):
        if prompts and chance.random() < 0.5:
            prompts.append(_like(chance, material, chance.choice(prompts)))
        else:
            prompts.append(draw_prompt(chance, material))
    chance.shuffle(prompts)
    return prompts


def draw_prompt(chance: random.Random, material: Material) -> Prompt:
    """A prompt of the corpora: as it is, changed, or made long."""
    prompt = chance.choice(material.prompts)
    if chance.random() < 0.35:
        return prompt
    if isinstance(prompt, str):
        return _text(chance, material, prompt)
    return _rendered(chance, material, prompt)


def _text(chance: random.Random, material: Material, text: str) -> str:
    """A text with pieces put in, most often at an end, or made long."""
    kind = chance.random()
    if kind < 0.2:
        text = "".join(_piece(chance, material) for _ in range(chance.randint(1, 6)))
    elif kind < 0.24:
        return _long(chance, text or "a")
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.choice((0, len(text), chance.randint(0, len(text))))
        text = f"{text[:at]}{_piece(chance, material)}{text[at:]}"
    return text


def _piece(chance: random.Random, material: Material) -> str:
    kind = chance.random()
    if kind < 0.1 and material.specials:
        return chance.choice(material.specials)
    return chance.choice(_PIECES)


def _long(chance: random.Random, text: str) -> str:
    """A text that fills whatever is as large as a power of two, up to 2^18 characters: repeated, or one character."""
    size = int(2 ** chance.uniform(9, 18))
    unit = chance.choice((text, text, text[:1], "a", " "))
    return (unit * (size // len(unit) + 1))[:size] + chance.choice(("", "b"))


def _rendered(chance: random.Random, material: Material, turns: Sequence[Mapping[str, str]]) -> Prompt:
    """A conversation with turns and contents changed, if the template takes it so."""
    changed = [dict(turn) for turn in turns]
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.randrange(len(changed))
        kind = chance.random()
        if kind < 0.4:
            changed[at]["content"] = _text(chance, material, changed[at]["content"])
        elif kind < 0.5:
            changed[at]["content"] = ""
        elif kind < 0.65:
            changed[at]["role"] = chance.choice(_ROLES)
        elif kind < 0.8:
            changed.insert(at, dict(changed[at]))
        elif kind < 0.9 and len(changed) > 1:
            del changed[at]
        else:
            changed *= int(2 ** chance.uniform(1, 7))
    return changed if material.renders(changed) else list(turns)


def _like(chance: random.Random, material: Material, prompt: Prompt) -> Prompt:
    """A prompt that something might take for the one given."""
    if isinstance(prompt, str):
        return chance.choice(_LIKE)(prompt)
    kind = chance.random()
    if kind < 0.15:
        return "\n".join(turn["content"] for turn in prompt)
    if kind < 0.3:
        return prompt
    return _rendered(chance, material, prompt)
