"""Unicode scripts and normalization forms of texts."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, Literal, get_args

from harness.coverage.dimension import Case
from harness.errors import ParityError

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
_NO_SCRIPTS: Final = frozenset({"Zyyy", "Zinh", "Zzzz", "Hrkt"})
"""Common, inherited, unknown, and an alias that no character has."""
_SAMPLES: Final = {
    "NFC": ("e\u0301", "\u00e9"),
    "NFD": ("\u00e9", "e\u0301"),
    "NFKC": ("\ufb01", "\u00e9"),
    "NFKD": ("\ufb01", "e\u0301"),
}


def scripts() -> list[str]:
    """The scripts that characters have, as ISO 15924 codes."""
    return sorted(_data().Scripts.NAMES.keys() - _NO_SCRIPTS)


def scripts_of(characters: Iterable[str]) -> set[str]:
    """The scripts of some characters."""
    return {_data().script(char) for char in characters} - _NO_SCRIPTS


def cheapest_script(script: str) -> Case:
    """A prompt of one character of a script."""
    return {"prompt": _first_of_each().get(script, "")}


def form_items() -> list[str]:
    """What there is to see of normalization forms: for each one a text that it changes, and one that it leaves."""
    return [f"{form} {what}" for form in FORMS for what in ("changes", "keeps")]


def forms_of(text: str) -> set[str]:
    """What a text shows of normalization forms. ASCII shows nothing: every form keeps it."""
    if text.isascii():
        return set()
    return {f"{form} {'keeps' if unicodedata.is_normalized(form, text) else 'changes'}" for form in FORMS}


def cheapest_form(item: str) -> Case:
    """A prompt that shows what an item says."""
    form, what = item.split()
    return {"prompt": _SAMPLES[form][what == "keeps"]}


@cache
def _first_of_each() -> dict[str, str]:
    first: dict[str, str] = {}
    for point in range(sys.maxunicode + 1):
        first.setdefault(_data().script(chr(point)), chr(point))
    return first


@cache
def _data() -> Any:
    try:
        import fontTools.unicodedata
    except ImportError as error:
        raise ParityError(
            "the scripts of characters aren't known here",
            cause=str(error),
            hint="install the extra `coverage`: pip install 'tokparity[coverage]'",
        ) from error
    return fontTools.unicodedata
