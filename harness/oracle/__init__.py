"""The oracle: what the reference answers (profile `reference`), and what would be right (profile `ideal`)."""

from __future__ import annotations

from harness.oracle.ideal import IdealDetokenizer
from harness.oracle.reference import (
    VERSION,
    ReferenceDetokenizer,
    Step,
    answer_program,
    answer_prompts,
    is_ideograph,
    printable,
)

__all__ = [
    "VERSION",
    "IdealDetokenizer",
    "ReferenceDetokenizer",
    "Step",
    "answer_program",
    "answer_prompts",
    "is_ideograph",
    "printable",
]
