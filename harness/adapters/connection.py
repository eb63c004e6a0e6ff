"""How the gate talks to an implementation, wherever it lives: the `Connection` protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.model import Program, Prompts

CAPABILITIES = ("tokenize", "detokenize", "abort")


class Connection(Protocol):
    """A live implementation.

    Cases are handed over whole and answered whole, so that a connection may pipeline the batches inside;
    the implementation still sees one batch after another.
    After a `Fault` the connection is good for the next case: it restarts what it must.
    """

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of `CAPABILITIES` the implementation has."""
        ...

    def detokenize(self, program: Program) -> list[str]:
        """Feed a program: one chunk for each row that isn't an abort, in order. Raises `Fault`."""
        ...

    def tokenize(self, prompts: Prompts) -> list[Sequence[int]]:
        """Encode a case: the ids of every prompt, batch after batch, in order. Raises `Fault`."""
        ...

    def close(self) -> None:
        """Stop the implementation and let go of what the connection holds."""
        ...
