from __future__ import annotations

import itertools
import json
import pathlib
import random
from collections import Counter, defaultdict

import pytest

from harness.bench import memory
from harness.bench.contestants import as_columns, columns, objects
from harness.bench.figures import Circumstances, Column, Report, median_ratio, write, written
from harness.bench.load import interleaved
from harness.bench.rounds import interleave
from harness.bench.tables import choose, every_table
from harness.errors import ParityError
from harness.model import DetokenizeRequest

STREAMS = [[10 * at + step for step in range(2 + at % 7)] for at in range(9)]


def test_a_load_has_a_token_of_every_live_stream_in_each_batch() -> None:
    batches = list(interleaved(STREAMS, 4, 50))
    assert [len({request.uid for request in batch}) for batch in batches] == [4] * 50


def test_the_streams_of_a_load_are_whole_until_the_last_batch_cuts_them_off() -> None:
    fed: dict[int, list[DetokenizeRequest]] = defaultdict(list)
    for request in itertools.chain.from_iterable(interleaved(STREAMS, 4, 50)):
        fed[request.uid].append(request)
    wanted = itertools.cycle(STREAMS)
    for uid in range(1, len(fed) + 1):
        tokens, stream = [request.next_token for request in fed[uid]], next(wanted)
        assert tokens == stream[: len(tokens)]
        assert len(tokens) == len(stream) or uid > len(fed) - 4
        assert [request.finished for request in fed[uid]] == [False] * (len(tokens) - 1) + [True]


def test_runs_have_their_turn_in_every_round() -> None:
    turns: list[str] = []
    ticks = itertools.count()
    runs = {"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}
    seconds = interleave(runs, 3, clock=lambda: float(next(ticks)))
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}
    rounds = [name for name, _ in itertools.groupby(turns)]
    assert rounds == ["a", "b"] * 4  # the first is the one in which repeats are counted


def test_seconds_are_those_of_one_run() -> None:
    spent = 0.0

    def run() -> None:
        nonlocal spent
        spent += 2.5

    assert interleave({"a": run}, 2, clock=lambda: spent) == {"a": [2.5, 2.5]}


def test_a_contestant_is_fed_everything_each_time() -> None:
    seen: Counter[int] = Counter()

    class Both:
        def detokenize(self, requests: object) -> list[str]:
            seen.update(request.uid for request in requests)  # type: ignore[attr-defined]
            return []

        def detokenize_columns(self, uids: object, tokens: object, finished: object) -> list[str]:
            assert list(zip(uids, tokens, finished, strict=True)) == [(5, 6, True), (7, 2**31 - 1, False)]  # type: ignore[call-overload]
            seen.update(uids)  # type: ignore[call-overload]
            return []

    batch = [DetokenizeRequest(5, 6, True), DetokenizeRequest(7, 2**31 - 1, False)]
    for run in (objects(Both().detokenize)([batch, batch]), columns(Both())([batch, batch])):
        seen.clear()
        run()
        run()
        assert seen == {5: 4, 7: 4}


def test_the_ratio_is_that_of_the_middle_round() -> None:
    # The machine was slow for both in the second round, and for the one alone in the third.
    assert median_ratio([10, 50, 60], [1, 5, 2]) == 10


def test_cells_are_written_by_their_column() -> None:
    column = Column("ns", ",.1f")
    assert [written(cell, column) for cell in (1234.56, "text", None)] == ["1,234.6", "text", ""]


def test_figures_are_kept_with_their_circumstances(tmp_path: pathlib.Path) -> None:
    report = Report("t", (Column("a"), Column("b", ".1f")), (("x", 1.25),), ("n",))
    write({"name": report}, Circumstances(date="2026-01-02"), tmp_path / "out.json")
    kept = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert kept["tables"]["name"]["rows"] == [["x", 1.25]]
    assert kept["measured"]["date"] == "2026-01-02"
    assert kept["measured"]["versions"]["tokenizers"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_tables_are_chosen_by_name() -> None:
    tables = every_table()
    assert list(choose(tables, ())) == list(tables)
    assert list(choose(tables, ("wire", "share"))) == ["share", "wire"]
    with pytest.raises(ParityError, match="no table 'wires'"):
        choose(tables, ("wires",))


@pytest.mark.parametrize("live", [250, 1000])
def test_the_load_of_the_memory_table_ends_every_stream(monkeypatch: pytest.MonkeyPatch, live: int) -> None:
    monkeypatch.setattr(memory, "_STREAMS", 2000)
    chance = random.Random(1)
    streams = [[chance.randrange(1000) for _ in range(100)] for _ in range(500)]
    ended: Counter[int] = Counter()
    fed: Counter[int] = Counter()
    most = 0
    for uids, tokens, finished in memory.load(streams, live):
        assert len(uids) == len(tokens) == len(finished) == 250
        fed.update(uids)
        ended.update(itertools.compress(uids, finished))
        most = max(most, len(fed) - len(ended))
    assert ended == Counter(range(2000))
    assert set(fed.values()) == {100}
    assert most == live


def test_columns_are_those_of_the_requests() -> None:
    uids, tokens, finished = as_columns([DetokenizeRequest(2**63 - 1, 7, True), DetokenizeRequest(0, 8, False)])
    assert (uids.tolist(), tokens.tolist(), finished) == ([2**63 - 1, 0], [7, 8], b"\1\0")
