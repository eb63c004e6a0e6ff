"""Where the project's folders are: the checkout that the command is run in, or what the package carries."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from harness.errors import ParityError


@dataclass(frozen=True, slots=True)
class Project:
    """The folders of one checkout."""

    root: pathlib.Path

    @property
    def corpora(self) -> pathlib.Path:
        """Texts, recipes and the list of pinned tokenizers."""
        package = pathlib.Path(__file__).parent
        # An installed package carries them; in an editable install they are where its checkout has them.
        places = (self.root / "corpora", package / "_corpora", package.parent / "corpora")
        return next((place for place in places if (place / "tokenizers.toml").is_file()), places[1])

    @property
    def goldens(self) -> pathlib.Path:
        """The accepted goldens, a folder for each tokenizer; pending ones in `pending`."""
        return self.root / "goldens"

    @property
    def impls(self) -> pathlib.Path:
        """The implementations with short names."""
        return self.root / "impls"


def find_project(start: pathlib.Path) -> Project:
    """The checkout that a folder is in, or the folder itself with the corpora that the package carries."""
    for folder in (start, *start.parents):
        if (folder / "corpora" / "tokenizers.toml").is_file():
            return Project(folder)
    project = Project(start)
    if not project.corpora.is_dir():
        raise ParityError(
            f"{start} is not inside a checkout of tokparity",
            hint="change to the checkout, or to a folder inside it",
        )
    return project
