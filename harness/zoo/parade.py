"""Every bug of the zoo, one after the other, as a stream of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.events import BugJudged, Event, RunFinished
from harness.fuzz import Budget
from harness.zoo.catalogue import Specimen
from harness.zoo.trial import Court, judge_bug


def parade(specimens: Sequence[Specimen], court_of: Callable[[str], Court], budget: Budget) -> Iterator[Event]:
    """Judge every bug, those of a tokenizer together. The last event is a `RunFinished` with the exit code."""
    judged: list[BugJudged] = []
    for tokenizer in dict.fromkeys(specimen.bug.tokenizer for specimen in specimens):
        court = court_of(tokenizer)
        for specimen in specimens:
            if specimen.bug.tokenizer == tokenizer:
                judged.append(judge_bug(specimen, court, budget))
                yield judged[-1]
    red = sum(bool(event.red) for event in judged)
    messages = sum(event.smallest for event in judged)
    yield RunFinished(0 if judged and not red else 1, len(judged), red, messages, 0)
