"""Pending goldens: what they change, in groups, and how they are accepted or rejected.

goldens/pending/<tokenizer>/ has the goldens, and <tokenizer>.review.json beside it what they change and which groups
of that were accepted so far. Goldens are of one oracle as a whole, so they are swapped in when the last group is
accepted and not before; until then, and if nothing more happens, what was accepted before is what counts.
"""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from harness.errors import GoldenError
from harness.golden import MANIFEST, Provenance, read_manifest, verify
from harness.swap import swap_in, write_whole
from harness.upgrade.groups import Group, merged_groups

_SUFFIX = ".review.json"


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the pending goldens of a tokenizer change, and the ids of the groups that were accepted so far.

    `accepted` and `pending` are the digests of the manifests that were compared.
    """

    tokenizer: str
    accepted: str
    pending: str
    before: Provenance | None
    after: Provenance
    settings: tuple[str, ...]
    groups: tuple[Group, ...]
    taken: tuple[str, ...] = ()

    @property
    def open(self) -> list[Group]:
        """The groups that are not accepted yet."""
        return [group for group in self.groups if group.id not in self.taken]


@dataclass(frozen=True, slots=True)
class Pending:
    """The pending goldens of a checkout."""

    goldens: pathlib.Path

    @property
    def folder(self) -> pathlib.Path:
        """Where they are."""
        return self.goldens / "pending"

    def reviews(self) -> list[Review]:
        """The review of every tokenizer that has pending goldens. Raises `GoldenError` for one that can't be read."""
        found = []
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            review = self._read(path)
            if self._digest(review.tokenizer) == review.pending:
                self.discard(review.tokenizer)  # an accept that was killed after it had swapped them in
            else:
                found.append(review)
        return found

    def propose(self, made: pathlib.Path, settings: Sequence[str], groups: Sequence[Group]) -> Review:
        """Make goldens in a folder of the same file system pending, with what they change.

        `groups` may be of several tokenizers: those that this one is in are its own.
        """
        manifest = read_manifest(made)
        name = manifest.tokenizer
        accepted = read_manifest(self.goldens / name) if (self.goldens / name).exists() else None
        own = [
            msgspec.structs.replace(group, count=group.tokenizers[name], tokenizers={name: group.tokenizers[name]})
            for group in groups
            if name in group.tokenizers
        ]
        review = Review(
            name,
            accepted.digest if accepted else "",
            manifest.digest,
            accepted.provenance if accepted else None,
            manifest.provenance,
            tuple(settings),
            tuple(own),
        )
        self.discard(name)
        made.rename(self.folder / name)
        self._write(review)
        return review

    def accept(self, ids: Collection[str], tokenizers: Collection[str] = ()) -> list[tuple[Review, bool]]:
        """Accept groups, all if none is named; the reviews that have them, and whether that was the last of each.

        Raises `GoldenError` if a group isn't there, or if goldens aren't what was reviewed.
        """
        reviews = [review for review in self.reviews() if not tokenizers or review.tokenizer in tokenizers]
        known = {group.id for review in reviews for group in review.groups}
        for name in ids:
            if name not in known:
                raise GoldenError(
                    f"there is no group {name!r} to accept",
                    cause=f"there are {', '.join(sorted(known))}" if known else "nothing is pending",
                    hint="`parity diff` lists the groups",
                )
        done = []
        for review in reviews:
            taken = [group.id for group in review.groups if not ids or group.id in ids or group.id in review.taken]
            if not ids or set(taken) != set(review.taken):
                review = msgspec.structs.replace(review, taken=tuple(taken))
                self._check(review)
                done.append((review, self._take(review)))
        return done

    def reject(self, tokenizers: Collection[str] = ()) -> list[str]:
        """Throw pending goldens away, and give the names of their tokenizers."""
        present = {path.name.removesuffix(_SUFFIX) for path in self.folder.glob("*")}
        names = sorted(present & set(tokenizers) if tokenizers else present)
        for name in names:
            self.discard(name)
        # What a run that was killed was about to make goes too, and is nobody's.
        return [name for name in names if not name.startswith(".")]

    def discard(self, name: str) -> None:
        """Throw the pending goldens of a tokenizer away, if there are any: first what makes them count."""
        (self.folder / f"{name}{_SUFFIX}").unlink(missing_ok=True)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def problems(self, pinned: Collection[str]) -> dict[str, str]:
        """What is wrong with the goldens of a checkout, by tokenizer: half-accepted, or of no tokenizer."""
        found = {
            path.name: f"unreferenced golden: {path} is of no pinned tokenizer"
            for path in sorted(self.goldens.glob("*/"))
            if path.name not in pinned and path != self.folder and not path.name.startswith(".")
        }
        for review in self.reviews():
            if review.taken:
                found[review.tokenizer] = (
                    f"half-accepted golden: {len(review.taken)} of {len(review.groups)} groups of what is pending for "
                    f"{review.tokenizer} are accepted"
                )
        return found

    def _take(self, review: Review) -> bool:
        """Note what was accepted, and swap the goldens in if that was all of it."""
        self._write(review)
        if review.open:
            return False
        swap_in(self.folder / review.tokenizer, self.goldens / review.tokenizer)
        self.discard(review.tokenizer)
        return True

    def _check(self, review: Review) -> None:
        """Raise `GoldenError` unless what is pending is whole, and both sides are what was compared."""
        pending = self.folder / review.tokenizer
        manifest = read_manifest(pending)
        for entry in manifest.goldens:
            verify(pending, entry)
        for what, then, now in (
            ("pending", review.pending, manifest.digest),
            ("accepted", review.accepted, self._digest(review.tokenizer)),
        ):
            if then != now:
                raise GoldenError(
                    f"the {what} goldens of {review.tokenizer} are not those that were compared",
                    cause="they were changed since",
                    hint="compare anew: `parity regen --pending` or `parity upgrade`; or `parity reject`",
                )

    def _digest(self, name: str) -> str:
        folder = self.goldens / name
        return read_manifest(folder).digest if (folder / MANIFEST).exists() else ""

    def _read(self, path: pathlib.Path) -> Review:
        try:
            review = msgspec.json.decode(path.read_bytes(), type=Review)
        except (OSError, msgspec.DecodeError) as error:
            raise GoldenError(
                f"{path} can't be read", cause=str(error), hint="throw what is pending away with `parity reject`"
            ) from error
        if review.tokenizer + _SUFFIX != path.name:
            raise GoldenError(f"{path} is the review of {review.tokenizer}", hint="throw it away with `parity reject`")
        return review

    def _write(self, review: Review) -> None:
        data = msgspec.json.format(msgspec.json.encode(review), indent=1) + b"\n"
        write_whole(self.folder / f"{review.tokenizer}{_SUFFIX}", data)


def every_group(reviews: Sequence[Review]) -> list[Group]:
    """The groups of several reviews, those of one class and cause as one."""
    return merged_groups([group for review in reviews for group in review.groups])
