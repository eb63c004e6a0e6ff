from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import msgspec
import pytest

from harness.adapters.link import End
from harness.bench.load import interleaved
from harness.bench.process import cpu_seconds, resident_bytes
from harness.bench.wire import check
from harness.bench.workers import ORACLE, Running, started
from harness.errors import ParityError
from harness.model import DetokenizeRequest
from harness.tokenizer import TransformersCodec
from harness.wire import BatchBackendMsg, DetokenizeMsg, TokenizeMsg, decode_backend, encode_requests

PARAMS = msgspec.Raw(msgspec.msgpack.encode({"__type__": "SamplingParams", "top_k": 3}))
STREAMS = [list(text.encode()) for text in ("中文 a", "é b\xa0", "plain", "👨‍👩‍👧")]


@pytest.fixture(scope="module")
def oracle(project_root: pathlib.Path, small_tokenizer: pathlib.Path) -> Iterator[Running]:
    with started(project_root / "impls", small_tokenizer, (ORACLE,)) as workers:
        yield workers[ORACLE]


def frames(batches: list[list[DetokenizeRequest]]) -> list[bytes]:
    return [encode_requests([DetokenizeMsg(r.uid, r.next_token, r.finished) for r in batch]) for batch in batches]


def test_the_oracle_worker_answers_as_the_oracle(oracle: Running, small_tokenizer: pathlib.Path) -> None:
    batches = list(interleaved(STREAMS, 3, 40))
    check(oracle, frames(batches), TransformersCodec(small_tokenizer), batches)


def test_a_worker_that_answers_otherwise_is_not_timed(oracle: Running, small_tokenizer: pathlib.Path) -> None:
    batches = list(interleaved(STREAMS, 3, 40))
    others = list(interleaved(STREAMS[1:], 3, 40))
    with pytest.raises(ParityError, match="oracle worker is red"):
        check(oracle, frames(others), TransformersCodec(small_tokenizer), batches)


def test_the_oracle_worker_encodes(oracle: Running, small_tokenizer: pathlib.Path) -> None:
    prompts = [TokenizeMsg(uid, text, PARAMS) for uid, text in ((1, "a中"), (2, "b"))]
    answer = decode_backend(oracle.exchange([encode_requests(prompts)], End.BACKEND)[0])
    assert isinstance(answer, BatchBackendMsg)
    codec = TransformersCodec(small_tokenizer)
    assert [m.input_ids.ids() for m in answer.data] == [codec.encode("a中"), codec.encode("b")]  # type: ignore[union-attr]
    assert [bytes(m.sampling_params) for m in answer.data] == [bytes(PARAMS)] * 2  # type: ignore[union-attr]


def test_a_worker_costs_processor_time_and_memory(oracle: Running) -> None:
    cost = oracle.cost(frames(list(interleaved(STREAMS, 3, 200))), End.FRONTEND, ahead=8)
    assert cost.processor > 0
    assert cost.clock > 0
    assert resident_bytes(oracle.link.pid) > 2**20


def test_the_processor_time_of_a_process_is_what_the_system_says() -> None:
    sum(range(2_000_000))
    before = sum(os.times()[:2])
    measured = cpu_seconds(os.getpid())
    after = sum(os.times()[:2])
    # The system counts in ticks of a hundredth.
    assert before - 0.02 <= measured <= after + 0.02


def test_a_worker_that_dies_is_named(project_root: pathlib.Path, small_tokenizer: pathlib.Path) -> None:
    with (
        started(project_root / "impls", small_tokenizer, (), {"mine": ("bash", "-c", "echo ready")}) as workers,
        pytest.raises(ParityError, match="mine doesn't answer"),
    ):
        workers["mine"].exchange([b"\x80"], End.FRONTEND, patience=0.5)
