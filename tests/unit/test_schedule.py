from __future__ import annotations

import random
from collections import Counter

import pytest

from harness.convert import from_byte_tokens
from harness.generate import GENERATORS
from harness.model import Event, Program, TokenStream, batch_slices
from harness.schedule import CROWD, TOGETHER, programs, prompt_batches, uid_pool
from harness.tokenizer import Vocabulary, load_vocabulary

EXTRA = b"e4 b8\n85 e4\n87 e4\nb8 ad\nad e4\n80 e4\nbf e4\n9f e4\nef bf bd\n20 e4\n0a e4\n"
BLOCK_ENDS = (
    "\u3400\u4dbf\u4e00\u9fff\uf900\ufaff\U00020000\U0002a6df"
    "\U0002a700\U0002b73f\U0002b740\U0002b81f\U0002b820\U0002ceaf\U0002f800\U0002fa1f"
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tokenizer.json").write_bytes(from_byte_tokens(EXTRA))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|end|>"}')
    return load_vocabulary(folder)


def _streams(vocabulary: Vocabulary, name: str, seed: int = 1) -> list[TokenStream]:
    return list(GENERATORS[name](vocabulary, random.Random(seed)))


def _bytes(vocabulary: Vocabulary, stream: TokenStream) -> bytes:
    return b"".join(vocabulary.bytes_by_id.get(token, b"") for token in stream.tokens)


def test_vocabulary_has_every_id(vocabulary: Vocabulary) -> None:
    seen = {token for stream in _streams(vocabulary, "vocabulary") for token in stream.tokens}
    assert seen == set(vocabulary.pieces)


def test_splits_cut_characters_of_every_length_everywhere(vocabulary: Vocabulary) -> None:
    found = {_bytes(vocabulary, stream) for stream in _streams(vocabulary, "splits")}
    for char in "$é中😀":
        data = char.encode()
        for cut in range(1, len(data) + 1):
            assert data[:cut] in found or data[:cut] + b"b" in found


def test_cuts_reach_the_ends_of_every_block(vocabulary: Vocabulary) -> None:
    found = {_bytes(vocabulary, stream) for stream in _streams(vocabulary, "cuts")}
    for char in [*BLOCK_ENDS, "\u3000", "\u3005", "\u3007", "\n", " "]:
        assert any(char.encode() + b"\xe4" in data for data in found), char


def test_eos_stands_first_in_the_middle_last_and_unfinished(vocabulary: Vocabulary) -> None:
    places = set()
    for stream in _streams(vocabulary, "eos"):
        for at, token in enumerate(stream.tokens):
            if token == vocabulary.eos_id:
                places |= {"first"} if at == 0 else set()
                places |= {"last"} if at == len(stream.tokens) - 1 else {"middle"}
    assert places == {"first", "middle", "last"}


def test_windows_grow_past_4096_tokens(vocabulary: Vocabulary) -> None:
    assert max(len(stream.tokens) for stream in _streams(vocabulary, "windows")) > 4097


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_streams_come_from_the_seed(vocabulary: Vocabulary, name: str) -> None:
    streams = _streams(vocabulary, name)
    assert streams == _streams(vocabulary, name)
    assert all(stream.tokens or stream.aborted for stream in streams)


@pytest.mark.parametrize("name", ["bytes", "aborts"])
def test_programs_keep_every_stream_whole(vocabulary: Vocabulary, name: str) -> None:
    streams = _streams(vocabulary, name)
    made = list(programs(name, streams, 1))
    assert made == list(programs(name, streams, 1))
    assert [program.id for program in made] != [program.id for program in programs(name, streams, 2)]
    played = Counter(stream for program in made for stream in _played(program))
    assert played == Counter((tuple(stream.tokens), stream.aborted) for stream in streams)


def test_programs_have_the_batches_and_uids_that_go_wrong(vocabulary: Vocabulary) -> None:
    made = list(programs("bytes", _streams(vocabulary, "bytes"), 1))
    sizes = {size for program in made for size in program.batches}
    assert min(sizes) == 1
    assert max(sizes) == 256
    for program in made:
        for rows in batch_slices(program.batches):
            assert len(set(program.uids[rows])) == rows.stop - rows.start
    uids = {uid for program in made for uid in program.uids}
    assert {0, 2**63 - 1, 2**32 - 1} <= uids
    for modulus in (2**16, 2**24, 2**32, 2**61 - 1, 2**62):
        assert len({uid % modulus for uid in uids}) < len(uids)


def test_a_crowd_is_larger_than_a_batch(vocabulary: Vocabulary) -> None:
    (program,) = programs("crowd", _streams(vocabulary, "crowd"), 1, CROWD)
    assert max(program.batches) == 256
    live: set[int] = set()
    most = 0
    for uid, event in zip(program.uids, program.events, strict=True):
        live = live | {uid} if event == Event.FEED else live - {uid}
        most = max(most, len(live))
    assert most > 1024


def test_limits_pass_17_bits_of_characters_16_of_short_tokens_and_12_of_any(vocabulary: Vocabulary) -> None:
    by_characters, by_tokens = _streams(vocabulary, "limits")
    words = Vocabulary({at: f"{at:05}" * 4 for at in range(300)}, frozenset({0}), "other", 0)
    assert 20 * len(_streams(words, "limits")[0].tokens) > 2**17
    assert len(by_characters.tokens) > 2**16
    assert len(by_tokens.tokens) == 5000


def test_idle_streams_are_silent_for_over_4096_batches(vocabulary: Vocabulary) -> None:
    streams = _streams(vocabulary, "idle")
    (program,) = programs("idle", streams, 1, TOGETHER)
    batch_of = [at for at, size in enumerate(program.batches) for _ in range(size)]
    last_two: dict[int, tuple[int, int]] = {}
    for uid, batch in zip(program.uids, batch_of, strict=True):
        last_two[uid] = (last_two.get(uid, (0, 0))[1], batch)
    silences = [last - before for before, last in last_two.values()]
    assert sum(silence > 4096 for silence in silences) == len(streams) - 1
    assert sorted(tokens for tokens, _ in _played(program)) == sorted(tuple(stream.tokens) for stream in streams)


def test_invalid_has_the_first_bytes_of_a_surrogate_at_the_end(vocabulary: Vocabulary) -> None:
    found = {_bytes(vocabulary, stream) for stream in _streams(vocabulary, "invalid")}
    assert {b"\xed\xa0", b"a\xed\xa0", b"\xf4\x90", b"\xc0"} <= found


def test_some_streams_are_given_up_before_they_begin(vocabulary: Vocabulary) -> None:
    assert any(not stream.tokens for stream in _streams(vocabulary, "aborts"))


def test_a_pool_is_distinct_and_within_the_wire() -> None:
    for count in (1, 2, 64, 256):
        pool = uid_pool(count, random.Random(count))
        assert len(set(pool)) == count
        assert all(0 <= uid < 2**63 for uid in pool)


def test_every_prompt_is_asked_once_in_batches_of_many_sizes() -> None:
    prompts = [f"prompt {at}" for at in range(300)]
    cases = list(prompt_batches("c", prompts, 1))
    batches = [batch for case in cases for batch in case.batches]
    assert sorted(str(request.prompt) for batch in batches for request in batch) == sorted(prompts)
    assert {1, 64} <= {len(batch) for batch in batches}


def _played(program: Program) -> list[tuple[tuple[int, ...], bool]]:
    """The streams that a program plays, each with whether it was given up; all of them end."""
    live: dict[int, list[int]] = {}
    played = []
    for uid, token, event in zip(program.uids, program.tokens, program.events, strict=True):
        if event == Event.ABORT:
            played.append((tuple(live.pop(uid, [])), True))
            continue
        live.setdefault(uid, []).append(token)
        if event == Event.FINISH:
            played.append((tuple(live.pop(uid)), False))
    assert not live
    return played
