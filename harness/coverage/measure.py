"""Coverage of one tokenizer's goldens: every case is looked at again, and the reference's states with it."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness import golden, oracle, states
from harness.coverage import shapes, splits, templates, text
from harness.coverage.dimension import Case, Dimension, dimension
from harness.errors import GoldenError
from harness.golden import DetokenizeCase, TokenizeCase
from harness.model import DetokenizeRequest, Event, batch_slices
from harness.packages import Announce
from harness.tokenizer import LibraryCodec, Vocabulary, load_vocabulary, read_config

IDS, SPLITS, TRANSITIONS, SCRIPTS = "vocabulary ids", "split positions", "transition pairs", "scripts"


@dataclass(frozen=True, slots=True)
class Subject:
    """A tokenizer and its goldens."""

    name: str
    folder: pathlib.Path
    goldens: pathlib.Path


def measure(subject: Subject, announce: Announce) -> list[Dimension]:
    """What the goldens of a tokenizer exercise. Raises `GoldenError` if they are missing, damaged or not as decoded."""
    manifest = golden.read_manifest(subject.goldens)
    survey = _Survey(subject)
    for entry in manifest.goldens:
        announce(f"{subject.name}: {entry.corpus}")
        path = golden.verify(subject.goldens, entry)
        if entry.operation == "detokenize":
            for case in golden.read_detokenize(path):
                survey.add_streams(case)
        else:
            for prompts in golden.read_tokenize(path):
                survey.add_prompts(prompts)
    announce(f"{subject.name}: searching for transitions")
    return survey.dimensions()


class _Survey:
    """Collects what cases exercise."""

    def __init__(self, subject: Subject) -> None:
        self._name = subject.name
        self._vocabulary = load_vocabulary(subject.folder)
        self._codec = LibraryCodec(subject.folder, self._vocabulary.eos_id)
        self._template = _template(subject.folder)
        self._splits = splits.Splits(self._vocabulary)
        self._tracker = states.Tracker()
        self._streamed: set[int] = set()
        self._encoded: set[int] = set()
        self._characters: set[str] = set()
        self._shown: set[str] = set()
        self._forms: set[str] = set()
        self._roles: set[str] = set()
        self._shapes: set[str] = set()

    def add_streams(self, case: DetokenizeCase) -> None:
        """Programs of tokens, and the chunks that the golden has for them."""
        program = case.program
        self._streamed.update(program.tokens)
        detokenizer = oracle.ReferenceDetokenizer(self._codec, self._tracker.step)
        chunks: list[str] = []
        for rows in batch_slices(program.batches):
            events = program.events[rows]
            if events[0] == Event.ABORT:
                uid = program.uids[rows.start]
                detokenizer.abort(uid)
                self._tracker.abort(uid)
                self._splits.end(uid)
                continue
            requests = [
                DetokenizeRequest(uid, token, event == Event.FINISH)
                for uid, token, event in zip(program.uids[rows], program.tokens[rows], events, strict=True)
            ]
            chunks.extend(detokenizer.detokenize(requests))
            self._shapes.add(shapes.of_tokens(events))
            self._follow(requests)
        if not case.expected.matches(chunks):
            raise GoldenError(
                f"the golden of {program.id} isn't what the reference answers here",
                cause="another tokenizer, or another version of `tokenizers`",
                hint="run `parity regen --check`",
            )
        self._shown.update("".join(chunks))

    def add_prompts(self, case: TokenizeCase) -> None:
        """Batches of prompts, and their ids."""
        for ids in case.expected.values():
            self._encoded.update(ids)
        for batch in case.prompts.batches:
            self._shapes.add(shapes.of_prompts(batch))
            for request in batch:
                if isinstance(request.prompt, str):
                    self._characters.update(request.prompt)
                    self._forms |= text.forms_of(request.prompt)
                else:
                    self._roles.update(turn["role"] for turn in request.prompt)
                    if self._template is not None:
                        self._template.render(request.prompt)

    def dimensions(self) -> list[Dimension]:
        """All dimensions, with the cheapest case for each hole."""
        vocabulary, template = self._vocabulary, self._template
        found = states.reachable(self._codec, vocabulary)
        reachable = templates.cheapest_conversations(template) if template is not None else {}
        singles = _byte_tokens(vocabulary)
        return [
            dimension(IDS, map(str, vocabulary.pieces), map(str, self._streamed & vocabulary.pieces.keys()), _stream),
            dimension("byte tokens streamed", map(str, singles), map(str, self._streamed & singles), _stream),
            dimension(
                "byte tokens encoded",
                map(str, singles),
                map(str, self._encoded & singles),
                lambda item: _prompt_of(int(item), vocabulary, self._codec),
            ),
            dimension(
                SPLITS, splits.items(vocabulary), self._splits.seen, lambda item: splits.cheapest(item, vocabulary)
            ),
            dimension(
                TRANSITIONS, found, self._tracker.pairs, lambda pair: _stream_case(found, pair, vocabulary.eos_id)
            ),
            dimension(SCRIPTS, text.scripts(), text.scripts_of(self._characters), text.cheapest_script),
            dimension("scripts shown", _showable(vocabulary), text.scripts_of(self._shown), text.cheapest_script),
            dimension("normalization forms", text.form_items(), self._forms, text.cheapest_form),
            dimension("chat roles", templates.ROLES if template else (), self._roles, templates.cheapest_role),
            dimension(
                "template branches",
                template.branches if template else (),
                template.taken if template else (),
                lambda branch: reachable.get(branch, {}),
            ),
            dimension("batch shapes", shapes.items(conversations=template is not None), self._shapes, shapes.cheapest),
        ]

    def _follow(self, requests: Sequence[DetokenizeRequest]) -> None:
        for request in requests:
            if not (request.finished and request.next_token == self._vocabulary.eos_id):
                self._splits.feed(request.uid, request.next_token)
            if request.finished:
                self._splits.end(request.uid)


def _template(folder: pathlib.Path) -> templates.Template | None:
    path = folder / "chat_template.jinja"
    if not path.is_file():
        return None
    config = read_config(folder)
    special = {name: config.get(name, "") for name in ("bos_token", "eos_token")}
    return templates.Template(path.read_text(encoding="utf-8"), special)


def _byte_tokens(vocabulary: Vocabulary) -> set[int]:
    """The tokens of single bytes that are in some text: not those that no UTF-8 has."""
    valid = set("".join(map(chr, range(0x80))).encode()) | set(range(0x80, 0xF5)) - {0xC0, 0xC1}
    if not vocabulary.partial:
        return set()
    return {token for data, token in vocabulary.id_by_bytes.items() if len(data) == 1 and data[0] in valid}


def _showable(vocabulary: Vocabulary) -> Iterable[str]:
    """The scripts that a stream can show: all of them with byte tokens, else those that the pieces have."""
    return text.scripts() if vocabulary.partial else text.scripts_of(set("".join(vocabulary.pieces.values())))


def _stream(item: str) -> Case:
    return {"tokens": [int(item)]}


def _stream_case(found: dict[str, list[int]], pair: str, eos_id: int) -> Case:
    stream = states.witness(found, pair, eos_id)
    return {"tokens": list(stream.tokens), "aborted": stream.aborted}


def _prompt_of(token: int, vocabulary: Vocabulary, codec: LibraryCodec) -> Case:
    """A character whose encoding has a byte's token, if there is one by itself."""
    byte = vocabulary.bytes_by_id[token]
    for char in _characters_with(byte):
        if token in codec.encode(char):
            return {"prompt": char}
    return {}


def _characters_with(byte: bytes) -> list[str]:
    planes = (range(0x800), range(0x800, 0x10000, 97), range(0x10000, 0x110000, 4001))
    points = (point for plane in planes for point in plane if not 0xD800 <= point < 0xE000)
    return [chr(point) for point in points if byte in chr(point).encode()]
