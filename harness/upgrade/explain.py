"""Why two sides differ: each difference is traced to the first stage that it shows in, and to what changed there."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from harness.golden import Entry, Operation
from harness.model import Prompt
from harness.tokenizer import Stages, byte_chars
from harness.upgrade.groups import Change, Difference, Grouping
from harness.upgrade.hunks import Hunk, first_hunk, piece_hunks
from harness.upgrade.merges import Merges
from harness.upgrade.sides import Side, prompt_key
from harness.visible import visible

_SECTIONS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_SETTINGS = ("special", "normalized", "lstrip", "rstrip", "single_word")
# What transformers' clean-up takes a space away from.
_CLEANED = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")
_AROUND = 24
_BYTE_OF_CHAR = {char: byte for byte, char in enumerate(byte_chars())}


def explain(one: Side, other: Side, grouping: Grouping) -> None:
    """Put the differences between two sides of a tokenizer into groups."""
    _Explainer(one, other, grouping).explain()


def settings(one: Side, other: Side) -> list[str]:
    """What of the pipelines as they were loaded is set otherwise, a line each."""
    found = []
    for section in (*_SECTIONS, "clean_up"):
        before, after = one.pipeline.get(section), other.pipeline.get(section)
        if before != after:
            found.append(_changed(section, before, after))
    return found


class _Explainer:
    def __init__(self, one: Side, other: Side, grouping: Grouping) -> None:
        self._one, self._other = one, other
        self._tokenizer = other.manifest.tokenizer
        self._grouping = grouping
        self._merges = Merges(one.pipeline, other.pipeline)
        self._is_byte_level = "ByteLevel" in _brief(other.pipeline.get("decoder"))

    def _readable(self, pieces: Sequence[str]) -> list[str]:
        """Pieces as text, where a vocabulary writes bytes as characters."""
        return [_text_of(piece) for piece in pieces] if self._is_byte_level else list(pieces)

    def explain(self) -> None:
        for difference in (*self._vocabularies(), *self._probes()):
            self._grouping.add(self._tokenizer, [difference])
        ours = {(entry.corpus, entry.operation): entry for entry in self._one.manifest.goldens}
        theirs = {(entry.corpus, entry.operation): entry for entry in self._other.manifest.goldens}
        for key in sorted(ours.keys() | theirs.keys()):
            mine, its = ours.get(key), theirs.get(key)
            if mine is None or its is None:
                self._one_sided(key, mine or its, is_new=mine is None)
            elif mine.content != its.content:
                compare = self._prompts if mine.operation == "tokenize" else self._streams
                compare(mine, its)

    def _vocabularies(self) -> Iterator[Difference]:
        """What differs in the vocabularies as they were loaded."""
        before = {entry["content"]: entry for entry in self._one.added.values()}
        after = {entry["content"]: entry for entry in self._other.added.values()}
        for piece in sorted(before.keys() | after.keys()):
            was, now = before.get(piece), after.get(piece)
            if was is None or now is None:
                word = "new" if was is None else "gone"
                yield self._special(f"{visible(piece)} is {word}", f"an added token is {word}", was, now)
            else:
                for name in _SETTINGS:
                    if was[name] != now[name]:
                        cause = f"{name} of an added token was {was[name]} and is {now[name]}"
                        yield self._special(f"{cause}: {visible(piece)}", cause, was, now)
        for piece in sorted(self._one.ids.keys() & self._other.ids.keys()):
            old, new = self._one.ids[piece], self._other.ids[piece]
            if old != new:
                cause = f"ids moved by {new - old:+}"
                shown = visible(piece)
                yield Difference(Change.IDS, cause, "ids moved", "vocabulary", old, f"{old} {shown}", f"{new} {shown}")

    def _probes(self) -> Iterator[Difference]:
        """The characters that are normalised or split otherwise."""
        for was, now in zip(self._one.probes(), self._other.probes(), strict=False):
            section = "normalizer" if was.normalised != now.normalised else "pre_tokenizer"
            is_other_way = self._one.pipeline.get(section) != self._other.pipeline.get(section)
            if (was.normalised, was.splits) == (now.normalised, now.splits) or (was.ids == now.ids and is_other_way):
                continue  # another setting that comes to the same is told by `settings`
            before, after = (p.normalised if section == "normalizer" else p.splits for p in (was, now))
            found = self._stage(section, f"character U+{ord(was.text[1]):04X}", before, after, was.text[1])
            if was.ids == now.ids:
                cause = f"{found.wider}, with the same ids"
                found = dataclasses.replace(found, cause=cause, wider=cause)
            yield found

    def _special(self, cause: str, wider: str, was: dict[str, Any] | None, now: dict[str, Any] | None) -> Difference:
        before, after = _brief(was), _brief(now)
        return Difference(Change.SPECIALS, cause, wider, "vocabulary", len(before), before, after)

    def _one_sided(self, key: tuple[str, Operation], entry: Entry | None, *, is_new: bool) -> None:
        count = entry.messages if entry is not None else 0
        cause = f"the golden {key[0]} {key[1]} is {'new' if is_new else 'no longer made'}"
        sides = ("nothing", f"{count} messages")
        before, after = sides if is_new else sides[::-1]
        self._add([Difference(Change.QUESTIONS, cause, cause, f"{key[0]} {key[1]}", count, before, after)])

    def _add(self, differences: Sequence[Difference]) -> None:
        self._grouping.add(self._tokenizer, differences)

    def _prompts(self, mine: Entry, its: Entry) -> None:
        ours = {prompt_key(prompt): (case, prompt, ids) for case, prompt, ids in self._one.prompts(mine)}
        theirs = {prompt_key(prompt): (case, prompt, ids) for case, prompt, ids in self._other.prompts(its)}
        for key in ours.keys() | theirs.keys():
            if key in ours and key in theirs:
                case, prompt, ids = ours[key]
                if ids != theirs[key][2]:
                    self._add(list(self._prompt(key, case, prompt, ids, theirs[key][2])))
                continue
            is_new = key in theirs
            case, prompt, ids = theirs[key] if is_new else ours[key]
            what = "text" if isinstance(prompt, str) else "conversation"
            change = Change.QUESTIONS if what == "text" else Change.TEMPLATE
            cause = f"a {what} has an answer only {'after' if is_new else 'before'}"
            sides = ("nothing", f"{len(ids)} ids of {visible(str(prompt), 80)}")
            before, after = sides if is_new else sides[::-1]
            self._add([Difference(change, cause, cause, case, len(key), before, after)])

    def _prompt(
        self, key: str, case: str, prompt: Prompt, before: Sequence[int], after: Sequence[int]
    ) -> Iterator[Difference]:
        """Why a prompt has other ids: by the first stage that differs."""
        was, now = self._one.stages.get(key), self._other.stages.get(key)
        if was is not None and now is not None:
            if was.text != now.text:
                hunk = first_hunk(was.text, now.text)
                yield self._text(Change.TEMPLATE, "the template writes", "the template", case, was.text, now.text, hunk)
                return
            if was.normalised != now.normalised:
                yield self._stage("normalizer", case, was.normalised, now.normalised)
                return
            if was.splits != now.splits and not self._is_split_otherwise_alike(was, now):
                yield self._stage("pre_tokenizer", case, was.splits, now.splits)
                return
        same = was is None or now is None or was.decoded == now.decoded
        yield from self._ids(case, prompt, before, after, Change.IDS if same else Change.TEXT)

    def _is_split_otherwise_alike(self, was: Stages, now: Stages) -> bool:
        """Whether the splits differ only in how a piece is written, such as a space as itself or as a mark."""
        return [len(part) for part in was.splits] == [len(part) for part in now.splits]

    def _stage(
        self, section: str, case: str, before: Sequence[str], after: Sequence[str], char: str = ""
    ) -> Difference:
        hunk = first_hunk(before, after)
        old, new = self._one.pipeline.get(section), self._other.pipeline.get(section)
        if old != new:
            cause = wider = _changed(section, old, new)
        else:
            wider = f"the {section} is set alike and does otherwise"
            cause = f"{wider} at {_class_of(char)}" if char else wider
        if section == "pre_tokenizer":
            before, after = self._readable(before), self._readable(after)
        return Difference(
            Change.NORMALISATION,
            cause,
            wider,
            case,
            len(before),
            _shown(before, hunk.start, hunk.end),
            _shown(after, hunk.other_start, hunk.other_end),
        )

    def _ids(
        self, case: str, prompt: Prompt, before: Sequence[int], after: Sequence[int], change: Change
    ) -> Iterator[Difference]:
        old = [self._one.pieces.get(token, f"<{token}>") for token in before]
        new = [self._other.pieces.get(token, f"<{token}>") for token in after]
        if old == new:
            moved = sorted({b - a for a, b in zip(before, after, strict=True) if a != b})
            for delta in moved:
                pair = next((a, b) for a, b in zip(before, after, strict=True) if b - a == delta)
                cause = f"ids moved by {delta:+}"
                yield Difference(change, cause, "ids moved", case, len(before), str(pair[0]), str(pair[1]))
            return
        read, other_read = self._readable(old), self._readable(new)
        for hunk in piece_hunks(old, new):
            lost, got = old[hunk.start : hunk.end], new[hunk.other_start : hunk.other_end]
            kind, cause, wider = self._why(lost, got, hunk, len(old))
            left = _pieces(read, hunk.start, hunk.end)
            right = _pieces(other_read, hunk.other_start, hunk.other_end)
            yield Difference(kind or change, cause, wider, case, len(str(prompt)), left, right)

    def _why(self, lost: Sequence[str], got: Sequence[str], hunk: Hunk, length: int) -> tuple[Change | None, str, str]:
        """The class, if it is another one than that of the whole prompt, and the cause of other pieces."""
        before = {entry["content"] for entry in self._one.added.values()}
        after = {entry["content"] for entry in self._other.added.values()}
        shown = [_list(self._readable(pieces)) for pieces in (lost, got)]
        if not {*lost} - before and not {*got} - after:
            where = "at the start" if not hunk.start else "at the end" if hunk.end == length else "inside"
            return Change.SPECIALS, f"{shown[0]} {where} is now {shown[1]}", "other added tokens in the ids"
        for piece in sorted(({*lost} & (before - after)) | ({*got} & (after - before))):
            word = "new" if piece in after else "gone"
            return Change.SPECIALS, f"{visible(piece)} is {word}", f"an added token is {word}"
        if "".join(lost) == "".join(got):
            merge = self._merges.cause("".join(lost))
            if merge:
                return None, merge, "merges changed"
        return None, f"{shown[0]} is now {shown[1]}", "cut otherwise"

    def _streams(self, mine: Entry, its: Entry) -> None:
        ours = {tokens: (case, chunks) for case, tokens, chunks in self._one.streams(mine)}
        theirs = {tokens: (case, chunks) for case, tokens, chunks in self._other.streams(its)}
        for tokens in ours.keys() & theirs.keys():
            case, before = ours[tokens]
            after = theirs[tokens][1]
            if before != after:
                self._add([self._stream(case, tokens, before, after)])
        for word, only in (("after", theirs.keys() - ours.keys()), ("before", ours.keys() - theirs.keys())):
            cause = f"streams of tokens that are made only {word}: texts have other ids, or the vocabulary has"
            for tokens in only:
                case = (theirs if word == "after" else ours)[tokens][0]
                shown = f"{len(tokens)} tokens, {', '.join(map(str, tokens[:8]))}"
                sides = ("nothing", shown) if word == "after" else (shown, "nothing")
                self._add([Difference(Change.QUESTIONS, cause, cause, case, len(tokens), *sides)])

    def _stream(self, case: str, tokens: Sequence[int], before: Sequence[str], after: Sequence[str]) -> Difference:
        whole, other = "".join(before), "".join(after)
        if whole == other:
            at = next(at for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)
            cause = "the same text is sent in other chunks"
            shown = [" | ".join(visible(chunk) for chunk in side[at : at + 3]) for side in (before, after)]
            return Difference(Change.CHUNKS, cause, cause, case, len(tokens), shown[0], shown[1])
        hunk = first_hunk(whole, other)
        old, new = (side.pipeline.get("decoder") for side in (self._one, self._other))
        cleaned = [side.pipeline.get("clean_up") for side in (self._one, self._other)]
        if cleaned[0] != cleaned[1]:
            near = [side[max(0, hunk.start - 4) : hunk.start + 5] for side in (whole, other)]
            mark = next((mark for mark in _CLEANED if mark in near[0] or mark in near[1]), None)
            if mark is not None:
                wider = f"clean_up_tokenization_spaces was {cleaned[0]} and is {cleaned[1]}"
                return self._text(Change.TEXT, f"{wider}, at {visible(mark)}", wider, case, whole, other, hunk, False)
        if old != new:
            cause = _changed("decoder", old, new)
            return self._text(Change.TEXT, cause, cause, case, whole, other, hunk, exact=False)
        return self._text(
            Change.TEXT, "the text has", "the same tokens are decoded otherwise", case, whole, other, hunk
        )

    def _text(
        self,
        change: Change,
        cause: str,
        wider: str,
        case: str,
        before: str,
        after: str,
        hunk: Hunk,
        exact: bool = True,
    ) -> Difference:
        if exact:
            lost, got = before[hunk.start : hunk.end], after[hunk.other_start : hunk.other_end]
            cause = f"{cause} {visible(got, 40)} for {visible(lost, 40)}"
        old, new = _shown(before, hunk.start, hunk.end), _shown(after, hunk.other_start, hunk.other_end)
        return Difference(change, cause, wider, case, len(before), old, new)


def _shown(side: Sequence[str], start: int, end: int) -> str:
    """A text, or the parts of one, around a place."""
    if not isinstance(side, str):
        return _pieces(side, start, end)
    text = side[max(0, start - _AROUND) : end + _AROUND]
    return visible(text, most=4 * _AROUND, around=min(start, _AROUND))


def _pieces(pieces: Sequence[str], start: int, end: int) -> str:
    shown = [visible(piece, 40) for piece in pieces[max(0, start - 2) : min(end, start + 12) + 2]]
    return " ".join(shown)


def _list(pieces: Sequence[str]) -> str:
    shown = " ".join(visible(piece, 24) for piece in pieces[:6])
    return (shown + (" …" if len(pieces) > 6 else "")) or "nothing"


def _text_of(piece: str) -> str:
    """The text that a piece of a byte-level vocabulary stands for; the piece itself if that is none."""
    try:
        return bytes(_BYTE_OF_CHAR[char] for char in piece).decode()
    except (KeyError, UnicodeDecodeError):
        return piece


def _class_of(char: str) -> str:
    """A character's general category and the first word of its name, which is mostly its script."""
    category = unicodedata.category(char)
    if category == "Cn":
        return f"characters newer than Unicode {unicodedata.unidata_version}"
    return f"{category} {unicodedata.name(char, 'without a name').split()[0]}"


def _changed(section: str, before: object, after: object) -> str:
    was, now = _brief(before), _brief(after)
    return f"{section} was {was} and is {now}" if was != now else f"{section} is another {now}"


def _brief(value: object) -> str:
    """A part of a pipeline in a few words."""
    if isinstance(value, dict):
        inner = [
            _brief(part)
            for key in ("normalizers", "pretokenizers", "processors", "decoders")
            for part in value.get(key, ())
        ]
        if inner:
            return f"{value.get('type')}[{', '.join(inner)}]"
        flat = {**value, "pattern": str(value["pattern"])} if "pattern" in value else value
        rest = ", ".join(
            f"{key}={_brief(part)}" for key, part in flat.items() if key != "type" and not isinstance(part, dict | list)
        )
        return f"{value.get('type', '')}({rest})" if rest else str(value.get("type", "{}"))
    if isinstance(value, str):
        return visible(value, 24)
    return "nothing" if value is None else str(value)
