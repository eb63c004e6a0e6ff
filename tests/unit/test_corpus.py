"""What is in the corpora, seen from the texts themselves and not from what is said of them."""

from __future__ import annotations

import pathlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import pytest

from harness.corpus import Corpus, read_corpora
from harness.errors import UnknownCorpus

CORPORA = pathlib.Path(__file__).resolve().parents[2] / "corpora"
# A word or an ending of each language that its neighbours in the list don't have.
LANGUAGES = {
    "am": "እንደምን",
    "ar": "صباح الخير",
    "as": "সুপ্ৰভাত",
    "bg": "Добро утро",
    "bn": "সুপ্রভাত",
    "bo": "བཀྲ་ཤིས་བདེ་ལེགས",
    "chr": "ᎣᏏᏲ",
    "cs": "Dobrý den",
    "de": "Guten Morgen",
    "dv": "އައްސަލާމު",
    "el": "Καλημέρα",
    "en": "Good morning",
    "es": "Buenos días",
    "fa": "صبح به\u200cخیر",
    "fi": "Hyvää huomenta",
    "fr": "Bonjour",
    "gu": "સુપ્રભાત",
    "ha": "Barka da safiya",
    "he": "בוקר טוב",
    "hi": "धूप निकल आएगी",
    "hu": "Jó reggelt",
    "hy": "Բարի լույս",
    "id": "Selamat pagi",
    "is": "Góðan daginn",
    "ja": "おはようございます",
    "ka": "დილა მშვიდობისა",
    "kk": "Қайырлы таң",
    "km": "អរុណសួស្ដី",
    "kn": "ಶುಭೋದಯ",
    "ko": "안녕하세요",
    "lo": "ສະບາຍດີຕອນເຊົ້າ",
    "ml": "സുപ്രഭാതം",
    "mn": "Өглөөний мэнд",
    "mr": "दुपारी ऊन पडेल",
    "my": "မင်္ဂလာနံနက်ခင်းပါ",
    "ne": "शुभ प्रभात",
    "or": "ସୁପ୍ରଭାତ",
    "pa": "ਸਤ ਸ੍ਰੀ ਅਕਾਲ",
    "pl": "Dzień dobry",
    "pt": "Bom dia",
    "ro": "Bună dimineața",
    "ru": "Доброе утро",
    "si": "සුබ උදෑසනක්",
    "sr": "Добро јутро",
    "sw": "Habari za asubuhi",
    "ta": "காலை வணக்கம்",
    "te": "శుభోదయం",
    "th": "สวัสดีตอนเช้า",
    "ti": "ከመይ ሓዲርኩም",
    "tr": "Günaydın",
    "uk": "Доброго ранку",
    "ur": "صبح بخیر",
    "vi": "Chào buổi sáng",
    "yi": "גוט מאָרגן",
    "yo": "Ẹ káàárọ̀",
    "zh": "早上好",
    "zh-Hant": "早安",
}
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONVERSATION_KINDS: dict[str, Callable[[list[str], list[str]], bool]] = {
    "a single user message": lambda roles, _: roles == ["user"],
    "with a system message": lambda roles, _: roles[0] == "system" and "user" in roles,
    "a system message alone": lambda roles, _: roles == ["system"],
    "a system message in the middle": lambda roles, _: "system" in roles[1:-1],
    "two system messages": lambda roles, _: roles.count("system") > 1,
    "the assistant first": lambda roles, _: roles[0] == "assistant",
    "the assistant last": lambda roles, _: roles[-1] == "assistant",
    "twenty turns": lambda roles, _: len(roles) >= 20,
    "two users in a row": lambda roles, _: ("user", "user") in pairwise(roles),
    "two assistants in a row": lambda roles, _: ("assistant", "assistant") in pairwise(roles),
    "an unknown role": lambda roles, _: not set(roles) <= {"system", "user", "assistant"},
    "an empty content": lambda _, contents: "" in contents,
    "a blank content": lambda _, contents: any(text and text.isspace() for text in contents),
    "blanks around a content": lambda _, contents: any(text.strip() and text != text.strip() for text in contents),
    "a long content": lambda _, contents: max(map(len, contents)) >= 30_000,
    "the syntax of templates": lambda _, contents: any("{{" in text and "{%" in text for text in contents),
    "special tokens": lambda _, contents: any("<|im_end|>" in text for text in contents),
    "several scripts": lambda _, contents: len(scripts(contents)) >= 5,
}


@cache
def corpora() -> dict[str, Corpus]:
    return {corpus.name: corpus for corpus in read_corpora(CORPORA)}


@cache
def texts() -> tuple[str, ...]:
    return tuple(text for corpus in corpora().values() for text in corpus.texts)


def scripts(some: Sequence[str]) -> set[str]:
    """The scripts of the letters in texts, by the first word of their names."""
    letters = {char for text in some for char in text if unicodedata.category(char).startswith("L")}
    named = {unicodedata.name(letter, "").partition(" ")[0].partition("-")[0] for letter in letters}
    return named - {"", "MODIFIER", "FEMININE", "MASCULINE", "HALFWIDTH", "FULLWIDTH", "MATHEMATICAL", "DOUBLE"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language(language: str) -> None:
    word = unicodedata.normalize("NFC", LANGUAGES[language])
    assert any(word in unicodedata.normalize("NFC", text) for text in texts())


def test_forty_languages_in_thirty_scripts() -> None:
    assert len(set(LANGUAGES.values())) >= 40
    found = scripts(corpora()["languages"].texts)
    assert len(found) >= 30, sorted(found)
    # Letters of one script in passing are no text of it: these have at least a few words of it.
    words = [re.findall(r"\w{2,}", text) for text in corpora()["languages"].texts]
    spoken = {next(iter(scripts(own))) for own in words if len(own) >= 3 and len(scripts(own)) == 1}
    assert len(spoken) >= 30, sorted(spoken)


def test_every_white_space() -> None:
    spaces = {chr(point) for point in range(0x110000) if chr(point).isspace()}
    assert len(spaces) == 29
    assert spaces <= set("".join(texts()))
    # Alone, in a row, and around words.
    assert any(text and text.isspace() for text in texts())
    assert any(re.search(r"\w {2,}\w", text) for text in texts())
    assert any(text[:1].isspace() and text.strip() for text in texts())
    assert any(text[-1:].isspace() and text.strip() for text in texts())


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("emoji joined by ZWJ", "[\U0001f466-\U0001f469]\u200d"),
        ("a ZWJ at the end", "\u200d$"),
        ("ZWJ and ZWNJ in Indic or Arabic script", "[\u0600-\u0dff][\u200c\u200d]"),
        ("a skin tone", "[\U0001f3fb-\U0001f3ff]"),
        ("a flag", "[\U0001f1e6-\U0001f1ff]{2}"),
        ("half a flag", "(?<![\U0001f1e6-\U0001f1ff])[\U0001f1e6-\U0001f1ff](?![\U0001f1e6-\U0001f1ff])"),
        ("a flag of tags", "\U0001f3f4[\U000e0061-\U000e007a]+\U000e007f"),
        ("a keycap", "[0-9]\ufe0f\u20e3"),
        ("a variation selector", "\ufe0e|\ufe0f"),
        ("NUL", "\0"),
        ("a BOM at the start", "^\ufeff"),
        ("a BOM inside", "[^\ufeff]\ufeff"),
        ("CR LF", "\r\n"),
        ("CR alone", "\r(?!\n)"),
        ("U+FFFD at the end", "\ufffd$"),
        ("U+FFFD inside", "\ufffd[^\ufffd]"),
        ("ESC", "\x1b"),
        ("DEL", "\x7f"),
        ("private use", "[\ue000-\uf8ff]"),
        ("a noncharacter", "\ufffe|\uffff|[\ufdd0-\ufdef]"),
        ("the last code point", "\U0010ffff|\U0010fffd"),
        ("ChatML", re.escape("<|im_start|>")),
        ("the end of Llama 2", re.escape("</s>")),
        ("a header of Llama 3", re.escape("<|start_header_id|>")),
        ("BERT", re.escape("[CLS]")),
        ("a byte token", "<0x[0-9A-F]{2}>"),
        ("the mark of SentencePiece", "▁"),
        ("the mark of byte-level BPE", "Ġ"),
        ("the mark of WordPiece", "##"),
    ],
)
def test_a_text_has(what: str, pattern: str) -> None:
    assert any(re.search(pattern, text) for text in texts()), what


@pytest.mark.parametrize("control", BIDI_CONTROLS, ids=lambda char: f"U+{ord(char):04X}")
def test_every_bidi_control(control: str) -> None:
    assert any(control in text for text in corpora()["bidi"].texts)


def test_bidi_controls_balanced_and_not() -> None:
    opened = [(sum(text.count(char) for char in "\u2066\u2067\u2068"), text.count("\u2069")) for text in texts()]
    assert any(opens == closes > 0 for opens, closes in opened)
    assert any(opens > closes for opens, closes in opened)
    assert any(closes > opens for opens, closes in opened)


def test_the_same_text_in_nfc_and_nfd() -> None:
    nfd = {text for text in texts() if unicodedata.is_normalized("NFD", text) and not text.isascii()}
    composable = {text for text in nfd if not unicodedata.is_normalized("NFC", text)}
    assert len(composable) >= 10
    assert any(unicodedata.normalize("NFC", text) in texts() for text in composable)


def test_texts_that_are_empty_long_and_twice_as_long() -> None:
    lengths = set(map(len, texts()))
    assert {0, 1} <= lengths
    assert max(lengths) >= 100_000


@pytest.mark.parametrize("kind", CONVERSATION_KINDS)
def test_a_conversation_has(kind: str) -> None:
    conversations = [turns for corpus in corpora().values() for turns in corpus.conversations]
    found = [
        turns
        for turns in conversations
        if CONVERSATION_KINDS[kind]([turn["role"] for turn in turns], [turn["content"] for turn in turns])
    ]
    assert found


@pytest.mark.parametrize(
    "content",
    ["", 'name = "a"\nwhy = "b"\nelse = 1\n', 'name = "a"\nwhy = "b"\n[[text]]\nid = 1\n', "name = 'a", "\0"],
    ids=["no name", "an unknown key", "a wrong type", "no TOML", "NUL"],
)
def test_a_file_that_is_no_corpus_is_refused(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / "a.toml").write_text(content, encoding="utf-8")
    with pytest.raises(UnknownCorpus, match=r"a\.toml can't be read"):
        read_corpora(tmp_path)
