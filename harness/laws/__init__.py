"""The laws: predicates that hold for every correct implementation, whatever it is built on.

A law is given a `Trial` (a script, its answers, and the same streams asked otherwise) and a `FullDecoder`, and returns
the first `Violation`, or None. Laws don't know the oracle, and the oracle doesn't know them: they are independent
judges. docs/laws.md says precisely what each one promises, and what it doesn't.

| Law | Promise |
|---|---|
| `answers` | one answer of the right type a request, no exception, no crash |
| `forgets` | a finished or aborted uid leaves nothing behind |
| `independent` | interleaving and the way a stream is cut into batches change nothing |
| `append-only` | nothing sent is taken back or sent twice |
| `no-replacement` | no U+FFFD but where the ids decode to one |
| `eos` | EOS shows exactly where it should |
| `prompt` | text that is held back is bounded, and out by the finish |
| `complete` | the joined text is the full decode of the ids, less a suppressed EOS |
| `batch-encode` | a batch of prompts is encoded as they are one by one |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from harness.laws import calls, texts
from harness.laws.decoder import FullDecoder
from harness.laws.trial import Fault, Trial, Violation

Law = Callable[[Trial, FullDecoder], Violation | None]

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        "answers": calls.answers,
        "forgets": calls.forgets,
        "independent": calls.independent,
        "append-only": texts.append_only,
        "no-replacement": texts.no_replacement,
        "eos": texts.eos,
        "prompt": texts.prompt,
        "complete": texts.complete,
        "batch-encode": calls.batch_encode,
    }
)
"""Every law by its name, the one that says most first."""

__all__ = ["LAWS", "Fault", "FullDecoder", "Law", "Trial", "Violation", "judge"]


def judge(trial: Trial, decoder: FullDecoder) -> list[Violation]:
    """The first violation of each law that a trial breaks, the law that says most first."""
    found = (law(trial, decoder) for law in LAWS.values())
    return [violation for violation in found if violation is not None]
