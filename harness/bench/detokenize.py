"""Detokenizing in this process: what a message costs, by the way in which the batch is handed over."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping

from harness.assets import resolve
from harness.bench import contestants
from harness.bench.contestants import Batches, Contestant, as_columns
from harness.bench.figures import Cell, Column, Report, median_ratio
from harness.bench.load import interleaved, text_streams
from harness.bench.rounds import interleave
from harness.errors import ParityError
from harness.oracle import ReferenceDetokenizer
from harness.packages import Announce
from harness.project import Project
from harness.targets import find_target, load_factory
from harness.tokenizer import TransformersCodec

TOKENIZERS = ("qwen2.5", "llama2", "tekken", "t5", "bert")
BATCHES = (1, 16, 64, 256)
MESSAGES = 8192
_ROUNDS = 7

_COLUMNS = (
    Column("tokenizer"),
    Column("batch", ",d"),
    Column("oracle, ns a message", ",.0f"),
    Column("DecodeStream", ",.0f"),
    Column("python", ",.0f"),
    Column("rust objects", ",.0f"),
    Column("rust columns", ",.0f"),
    Column("oracle / objects", ".0f"),
    Column("oracle / columns", ".0f"),
    Column("DecodeStream / columns", ".1f"),
)


def run(project: Project, announce: Announce) -> Report:
    """Measure all contestants on the pinned tokenizers."""
    rows: list[tuple[Cell, ...]] = []
    left_out = 0
    for name in TOKENIZERS:
        announce(f"detokenize: {name}")
        folder = resolve(name, project.corpora, announce)
        codec = TransformersCodec(folder)
        streams = text_streams(project.corpora, codec)
        taken = list(itertools.compress(streams, contestants.can_stream(folder, streams)))
        left_out += len(streams) - len(taken)
        python = load_factory(find_target("python", project.impls).spec)(folder)
        rust = contestants.rust(project, folder)
        entered: dict[str, Contestant] = {
            "oracle": contestants.oracle(codec),
            "DecodeStream": contestants.decode_stream(folder),
            "python": contestants.objects(python.detokenize),
            "rust objects": contestants.objects(rust.detokenize),
            "rust columns": contestants.columns(rust),
        }
        for size in BATCHES:
            announce(f"detokenize: {name}, batches of {size}")
            batches = list(interleaved(taken, size, MESSAGES // size))
            _check(codec, rust, batches)
            rows.append((name, size, *_measure(entered, batches)))
    return Report(
        "Detokenize in one process: processor time",
        _COLUMNS,
        tuple(rows),
        (
            f"medians of {_ROUNDS} rounds, in each of which all have their turn; ratios are those within a round",
            "streams of texts in many scripts, one token of each in a batch; all but DecodeStream answer alike",
            f"DecodeStream raises on {left_out} of the streams of all tokenizers, which are left out",
            "columns are handed over as a server holds them that keeps its batch as arrays: making them is not timed; "
            "one that has objects is served by objects",
        ),
    )


def _measure(entered: Mapping[str, Contestant], batches: Batches) -> list[Cell]:
    seconds = interleave({name: contestant(batches) for name, contestant in entered.items()}, _ROUNDS)
    messages = sum(map(len, batches))
    costs: list[Cell] = [statistics.median(times) / messages * 1e9 for times in seconds.values()]
    oracle, peer, columns = seconds["oracle"], seconds["DecodeStream"], seconds["rust columns"]
    return [
        *costs,
        median_ratio(oracle, seconds["rust objects"]),
        median_ratio(oracle, columns),
        median_ratio(peer, columns),
    ]


def _check(codec: TransformersCodec, rust: contestants.Columnar, batches: Batches) -> None:
    """Raise `ParityError` on an answer that isn't the oracle's: how fast it comes would not matter then."""
    oracle = ReferenceDetokenizer(codec)
    for batch in batches:
        expected = oracle.detokenize(batch)
        if rust.detokenize_columns(*as_columns(batch)) != expected:
            raise ParityError("the Rust detokenizer is red: there is nothing to time", hint="run `parity check rust`")
