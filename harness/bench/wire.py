"""Over the wire: what a message costs a worker's process, and how many a second come through."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from harness.adapters.link import End
from harness.assets import resolve
from harness.bench.figures import Cell, Column, Report, median_ratio
from harness.bench.load import interleaved, text_streams, texts
from harness.bench.workers import NO_OTHERS, ORACLE, Cost, Others, Running, started
from harness.errors import ParityError
from harness.model import DetokenizeRequest
from harness.oracle import ReferenceDetokenizer
from harness.packages import Announce
from harness.project import Project
from harness.tokenizer import TransformersCodec
from harness.wire import (
    BatchFrontendMsg,
    DetokenizeMsg,
    TokenizeMsg,
    decode_frontend,
    encode_requests,
)

TOKENIZER = "qwen2.5"
BATCHES = (1, 16, 64, 256)
_MESSAGES = {1: 4096, 16: 8192, 64: 16_384, 256: 32_768}
_AHEAD = 16
_ROUNDS = 5
_PROMPTS = 16
_PROMPT_TOKENS = 300
_PROMPT_BATCHES = 4
_PARAMS = msgspec.Raw(msgspec.msgpack.encode({"__type__": "SamplingParams", "temperature": 0.5, "max_tokens": 64}))

_COLUMNS = (
    Column("worker"),
    Column("batch", ",d"),
    Column("step by step, µs of CPU a message", ",.2f"),
    Column("× less", ",.1f"),
    Column("in a stream, µs of CPU a message", ",.2f"),
    Column("× less", ",.1f"),
    Column("messages/s", ",.0f"),
    Column("× more", ",.1f"),
)


def run(project: Project, announce: Announce, others: Others = NO_OTHERS) -> Report:
    """Measure every worker, and `others` by their commands, with ratios to the oracle worker or the first of them."""
    yardstick = next(iter(others), ORACLE)
    rows: list[tuple[Cell, ...]] = []
    folder = resolve(TOKENIZER, project.corpora, announce)
    codec = TransformersCodec(folder)
    streams = text_streams(project.corpora, codec)
    announce("wire: starting workers")
    with started(project.impls, folder, others=others) as workers:
        for size in BATCHES:
            batches = list(interleaved(streams, size, _MESSAGES[size] // size))
            frames = [encode_requests([DetokenizeMsg(r.uid, r.next_token, r.finished) for r in b]) for b in batches]
            for name, worker in workers.items():
                announce(f"wire: checking {name}, batches of {size}")
                check(worker, frames, codec, batches)
            step = _rounds(workers, frames, 1, f"batches of {size}, step by step", announce)
            ahead = _rounds(workers, frames, _AHEAD, f"batches of {size}, in a stream", announce)
            rows += _rows(size, _MESSAGES[size], step, ahead, yardstick)
    return Report(
        f"Detokenize over the wire, {TOKENIZER}, ipc",
        _COLUMNS,
        tuple(rows),
        (
            f"medians of {_ROUNDS} rounds, in each of which all workers have their turn; "
            f"ratios are those to {yardstick} in the same round",
            f"step by step: a frame is sent when the one before is answered; in a stream: {_AHEAD} are on their way",
            "CPU is that of all threads of the worker's process; every answer was compared with the oracle's first",
        ),
    )


def run_prompts(project: Project, announce: Announce, others: Others = NO_OTHERS) -> Report:
    """Measure every worker on batches of prompts, none of which comes twice in a round."""
    yardstick = next(iter(others), ORACLE)
    rows: list[tuple[Cell, ...]] = []
    folder = resolve(TOKENIZER, project.corpora, announce)
    codec = TransformersCodec(folder)
    pieces = texts(project.corpora)
    with started(project.impls, folder, others=others) as workers:
        for kind in ("text", "chat", "mixed"):
            prompts = _prompts(kind, pieces, codec)
            costs: dict[str, list[Cost]] = {name: [] for name in workers}
            for at in range(_ROUNDS + 1):
                frames = [encode_requests(list(itertools.islice(prompts, _PROMPTS))) for _ in range(_PROMPT_BATCHES)]
                for name, worker in workers.items():
                    announce(f"wire: {name}, {kind} prompts, round {at}")
                    cost = worker.cost(frames, End.BACKEND)
                    if at:  # the first is for warming up
                        costs[name].append(cost)
            base = [cost.processor for cost in costs[yardstick]]
            clock = [cost.clock for cost in costs[yardstick]]
            rows += [
                (
                    name,
                    kind,
                    statistics.median(cost.processor for cost in own) / _PROMPT_BATCHES * 1e3,
                    median_ratio(base, [cost.processor for cost in own]),
                    statistics.median(cost.clock for cost in own) / _PROMPT_BATCHES * 1e3,
                    median_ratio(clock, [cost.clock for cost in own]),
                )
                for name, own in costs.items()
            ]
    return Report(
        f"Tokenize over the wire, {TOKENIZER}, ipc, batches of {_PROMPTS} prompts of about {_PROMPT_TOKENS} tokens",
        (
            Column("worker"),
            Column("prompts"),
            Column("ms of CPU a batch", ",.2f"),
            Column("× less", ",.1f"),
            Column("ms a batch", ",.2f"),
            Column("× faster", ",.1f"),
        ),
        tuple(rows),
        (
            f"medians of {_ROUNDS} rounds; every worker gets the same prompts, and no prompt comes twice",
            f"ratios are those to {yardstick} in the same round; CPU is that of all threads of the worker's process",
        ),
    )


def _rounds(
    workers: Mapping[str, Running], frames: Sequence[bytes], ahead: int, what: str, announce: Announce
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in workers}
    for at in range(_ROUNDS):
        for name, worker in workers.items():
            announce(f"wire: {name}, {what}, round {at + 1}")
            costs[name].append(worker.cost(frames, End.FRONTEND, ahead))
    return costs


def _rows(
    size: int, messages: int, step: Mapping[str, list[Cost]], ahead: Mapping[str, list[Cost]], yardstick: str
) -> Iterator[tuple[Cell, ...]]:
    for name in step:
        cells: list[Cell] = [name, size]
        for costs in (step, ahead):
            own, base = ([cost.processor for cost in costs[each]] for each in (name, yardstick))
            cells += [statistics.median(own) / messages * 1e6, median_ratio(base, own)]
        own, base = ([cost.clock for cost in ahead[each]] for each in (name, yardstick))
        yield (*cells, messages / statistics.median(own), median_ratio(base, own))


def check(
    worker: Running,
    frames: Sequence[bytes],
    codec: TransformersCodec,
    batches: Sequence[Sequence[DetokenizeRequest]],
) -> None:
    """Raise `ParityError` on an answer that isn't the oracle's: how fast it comes would not matter then."""
    oracle = ReferenceDetokenizer(codec)
    for frame, batch in zip(worker.exchange(frames, End.FRONTEND), batches, strict=True):
        answer = decode_frontend(frame)
        replies = answer.data if isinstance(answer, BatchFrontendMsg) else [answer]
        if [reply.incremental_output for reply in replies] != oracle.detokenize(batch):
            raise ParityError(f"{worker.name} is red: there is nothing to time", hint="judge it with `parity check`")


def _prompts(kind: str, pieces: Sequence[str], codec: TransformersCodec) -> Iterator[TokenizeMsg]:
    """Prompts without end, all different: texts drawn from the corpora until they are long enough."""
    chance = random.Random(kind)
    for uid in itertools.count(1):
        text = f"{uid}: "
        while len(codec.encode(text)) < _PROMPT_TOKENS:
            text += chance.choice(pieces) + "\n"
        if kind == "text" or (kind == "mixed" and uid % 2):
            yield TokenizeMsg(uid, text, _PARAMS)
        else:
            third = len(text) // 3
            parts = zip(
                ("system", "user", "assistant", "user"), (text[:80], text[80:third], text[third:], "?"), strict=True
            )
            yield TokenizeMsg(uid, [{"role": role, "content": content} for role, content in parts], _PARAMS)
