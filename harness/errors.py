"""The ways a run can fail, each with what happened, why, and what to do about it.

A run starts by finding what it needs: an unknown name is `UnknownTarget`, `UnknownTokenizer` or `UnknownCorpus`;
a file that can't be had or isn't the pinned one is `AssetError`; a golden that is damaged, missing or of other
versions is `GoldenError`; an implementation that can't be started is `TargetError`.
All of these end the run with exit code 2.
Once an implementation is being judged, what it does wrong is a `Fault`: it makes that case red and the run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import Kind


class ParityError(Exception):
    """Something outside the implementation under test keeps the run from going on.

    Renders itself as one message: what happened, the cause, and a hint at what to do.
    """

    code = "error"

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.code}: {self.message}"]
        if self.cause:
            parts.append(f"  because: {self.cause}")
        if self.hint:
            parts.append(f"  what to do: {self.hint}")
        return "\n".join(parts)


class UnknownTarget(ParityError):
    """No implementation goes by that name."""

    code = "unknown-target"


class UnknownTokenizer(ParityError):
    """No pinned tokenizer goes by that name, or the folder isn't a tokenizer's."""

    code = "unknown-tokenizer"


class UnknownCorpus(ParityError):
    """No corpus goes by that name, or the selection is empty."""

    code = "unknown-corpus"


class AssetError(ParityError):
    """A pinned file can't be had, or isn't what was pinned."""

    code = "asset"


class GoldenError(ParityError):
    """A golden is missing, damaged or stale."""

    code = "golden"


class TargetError(ParityError):
    """An implementation can't be started."""

    code = "target"


class EnvironmentFault(ParityError):
    """An environment with other versions can't be made."""

    code = "environment"


class KnownError(ParityError):
    """A list of known failures can't be used as it is."""

    code = "known"


class EngineError(ParityError):
    """What is to judge the cases can't be had."""

    code = "engine"


class Fault(Exception):
    """What an implementation did instead of answering a batch.

    `kind` is ERROR, CRASH or HANG, `batch` the index of the batch that did it, within its case.
    `answered` has the chunks of the batches up to it, if they say more than the fault.
    """

    def __init__(self, kind: Kind, batch: int, message: str, answered: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.batch = batch
        self.message = message
        self.answered = answered
