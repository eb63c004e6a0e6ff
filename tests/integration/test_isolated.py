from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Callable

import pytest

from harness.adapters.direct import DirectConnection
from harness.adapters.isolated import IsolatedConnection
from harness.errors import Fault, TargetError
from harness.model import Event, Kind, Program, Prompts, TokenizeRequest
from harness.targets import Target, load_factory

Named = Callable[[str], Target]

GOOD = Program("good", [1, 2, 1, 2], [97, 98, 99, 100], [0, 0, 1, 1], [2, 2])
# The trigger (33) is in the third batch, which is one of two messages.
BAD = Program("bad", [1, 2, 1, 2, 1, 2], [97, 98, 97, 98, 33, 98], [0, 0, 0, 0, 1, 1], [2, 2, 2])
ANSWERED = [
    ("raises", "RuntimeError: no such token"),
    ("too_few", "1 replies to a batch of 2"),
    ("too_many", "3 replies to a batch of 2"),
    ("as_bytes", "the reply in slot 0 is a bytes, not a str"),
    ("as_none", "the reply in slot 0 is a NoneType, not a str"),
    ("as_ints", "the reply in slot 0 is a int, not a str"),
]


def _texts(chunks: list[str]) -> dict[int, str]:
    return {uid: "".join(chunks[uid - 1 :: 2]) for uid in (1, 2)}


@pytest.mark.parametrize(("name", "message"), ANSWERED)
def test_a_bad_answer_is_a_fault_in_the_child(
    broken_target: Named, small_tokenizer: pathlib.Path, name: str, message: str
) -> None:
    connection = IsolatedConnection(broken_target(name).spec, small_tokenizer)
    try:
        with pytest.raises(Fault) as caught:
            connection.detokenize(BAD)
        assert (caught.value.kind, caught.value.batch, caught.value.message) == (Kind.ERROR, 2, message)
        assert _texts(connection.detokenize(GOOD)) == {1: "ac", 2: "bd"}
    finally:
        connection.close()


@pytest.mark.parametrize(("name", "message"), ANSWERED)
def test_a_bad_answer_is_a_fault_in_this_process(
    broken_target: Named, small_tokenizer: pathlib.Path, name: str, message: str
) -> None:
    connection = DirectConnection(load_factory(broken_target(name).spec), small_tokenizer)
    with pytest.raises(Fault) as caught:
        connection.detokenize(BAD)
    assert (caught.value.kind, caught.value.batch, caught.value.message) == (Kind.ERROR, 2, message)
    assert _texts(connection.detokenize(GOOD)) == {1: "ac", 2: "bd"}
    connection.close()


@pytest.mark.parametrize(
    ("name", "says"),
    [("hoards", "MemoryError"), ("hoards_and_dies", "killed by SIGABRT")],
)
def test_memory_beyond_the_limit_is_a_crash(
    broken_target: Named, small_tokenizer: pathlib.Path, name: str, says: str
) -> None:
    connection = IsolatedConnection(broken_target(name).spec, small_tokenizer, memory_limit=1024)
    try:
        with pytest.raises(Fault) as caught:
            connection.detokenize(BAD)
        assert (caught.value.kind, caught.value.batch) == (Kind.CRASH, 2)
        assert says in caught.value.message
        assert ", with its memory limited to 1024 MB" in caught.value.message
        assert _texts(connection.detokenize(GOOD)) == {1: "ac", 2: "bd"}
    finally:
        connection.close()


def test_without_a_limit_memory_is_no_crash(broken_target: Named, small_tokenizer: pathlib.Path) -> None:
    connection = IsolatedConnection(broken_target("hoards").spec, small_tokenizer)
    try:
        assert _texts(connection.detokenize(BAD))[2] == "bbb"
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("segfault", Kind.CRASH, "killed by SIGSEGV\nabout to fall over"),
        ("exits", Kind.CRASH, "exited with 3"),
        ("hangs", Kind.HANG, "no answer in 1 s"),
    ],
)
def test_a_death_or_a_hang_costs_only_its_case(
    broken_target: Named, small_tokenizer: pathlib.Path, name: str, kind: Kind, message: str
) -> None:
    connection = IsolatedConnection(broken_target(name).spec, small_tokenizer, batch_timeout=1.0)
    try:
        with pytest.raises(Fault) as caught:
            connection.detokenize(BAD)
        assert (caught.value.kind, caught.value.batch, caught.value.message) == (kind, 2, message)
        assert _texts(connection.detokenize(GOOD)) == {1: "ac", 2: "bd"}
    finally:
        connection.close()


def test_a_lone_surrogate_is_a_fault(broken_target: Named, small_tokenizer: pathlib.Path) -> None:
    connection = IsolatedConnection(broken_target("surrogate").spec, small_tokenizer)
    try:
        with pytest.raises(Fault, match="is not Unicode text") as caught:
            connection.detokenize(BAD)
        assert caught.value.kind == Kind.ERROR
        assert _texts(connection.detokenize(GOOD)) == {1: "ac", 2: "bd"}
    finally:
        connection.close()


@pytest.mark.parametrize("isolated", [True, False])
def test_more_text_than_any_golden_has_ends_a_case(
    broken_target: Named, small_tokenizer: pathlib.Path, isolated: bool
) -> None:
    spec = broken_target("floods").spec
    connection = (
        IsolatedConnection(spec, small_tokenizer) if isolated else DirectConnection(load_factory(spec), small_tokenizer)
    )
    most = 64
    flood = Program("flood", [1] * 99 + [2], [33] * 100, [Event.FEED] * 98 + [Event.FINISH] * 2, [1] * 98 + [2])
    held = Program("held", [1] * 2, [33] * 2, [Event.FEED, Event.FINISH], [1] * 2)
    try:
        assert len(connection.detokenize(held)) == 2
        with pytest.raises(Fault, match="its chunks have 17,039,360 characters by now") as caught:
            connection.detokenize(flood)
        assert (caught.value.kind, caught.value.batch) == (Kind.ERROR, most)
        assert list(caught.value.answered) == ["!" * 2**18] * (most + 1)
        # What the stream left behind is gone.
        assert _texts(connection.detokenize(GOOD)) == {1: "ac", 2: "bd"}
    finally:
        connection.close()


def test_a_case_has_its_time(broken_target: Named, small_tokenizer: pathlib.Path) -> None:
    connection = IsolatedConnection(broken_target("dawdles").spec, small_tokenizer, case_timeout=1.0)
    slow = Program("slow", [1] * 20, [33] * 20, [Event.FEED] * 19 + [Event.FINISH], [1] * 20)
    try:
        with pytest.raises(Fault, match="the case is not done in 1 s") as caught:
            connection.detokenize(slow)
        assert caught.value.kind is Kind.HANG
        assert 1 <= len(caught.value.answered) == caught.value.batch + 1 < 20
        assert set(caught.value.answered) == {"!"}
        assert _texts(connection.detokenize(GOOD)) == {1: "ac", 2: "bd"}
    finally:
        connection.close()


@pytest.mark.parametrize("isolated", [True, False])
def test_state_is_kept_between_cases(broken_target: Named, small_tokenizer: pathlib.Path, isolated: bool) -> None:
    spec = broken_target("good").spec
    connection = (
        IsolatedConnection(spec, small_tokenizer) if isolated else DirectConnection(load_factory(spec), small_tokenizer)
    )
    try:
        # The first two bytes of a character, and in the next case the third.
        begun = connection.detokenize(Program("begun", [5, 5], [0xE4, 0xB8], [0, 0], [1, 1]))
        ended = connection.detokenize(Program("ended", [5], [0xAD], [1], [1]))
        assert "".join([*begun, *ended]) == "中"
        connection.detokenize(Program("begun", [6, 6], [0xE4, 0], [0, Event.ABORT], [1, 1]))
        assert connection.detokenize(Program("ended", [6], [97], [1], [1])) == ["a"]
    finally:
        connection.close()


def test_prompts_are_encoded(broken_target: Named, small_tokenizer: pathlib.Path) -> None:
    connection = IsolatedConnection(broken_target("raises").spec, small_tokenizer)
    calm = Prompts("calm", (((TokenizeRequest(1, "ab")),), (TokenizeRequest(2, "é"), TokenizeRequest(3, ""))))
    loud = Prompts("loud", ((TokenizeRequest(1, "ab"),), (TokenizeRequest(1, "!"),)))
    try:
        assert connection.tokenize(calm) == [[97, 98], [0xC3, 0xA9], []]
        with pytest.raises(Fault, match="no such token") as caught:
            connection.tokenize(loud)
        assert caught.value.batch == 1
        assert connection.tokenize(calm) == [[97, 98], [0xC3, 0xA9], []]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("good", {"tokenize", "detokenize", "abort"}),
        ("no_tokenize", {"detokenize", "abort"}),
        ("no_abort", {"tokenize", "detokenize"}),
        ("no_detokenize", {"tokenize"}),
    ],
)
def test_capabilities(broken_target: Named, small_tokenizer: pathlib.Path, name: str, capabilities: set[str]) -> None:
    spec = broken_target(name).spec
    connection = IsolatedConnection(spec, small_tokenizer)
    connection.close()
    assert connection.capabilities == capabilities
    assert DirectConnection(load_factory(spec), small_tokenizer).capabilities == capabilities


@pytest.mark.parametrize(
    ("name", "says"),
    [("cannot_start", "OSError: the disk is on fire"), ("makes_object", "made a object"), ("nothing", "nothing")],
)
def test_what_does_not_start_is_refused(
    broken_target: Named, small_tokenizer: pathlib.Path, name: str, says: str
) -> None:
    spec = broken_target(name).spec
    with pytest.raises(TargetError) as caught:
        IsolatedConnection(spec, small_tokenizer)
    assert says in str(caught.value)
    assert "what to do" in str(caught.value)
    with pytest.raises(TargetError) as caught:
        DirectConnection(load_factory(spec), small_tokenizer)
    assert says in str(caught.value)


def test_the_child_is_gone_after_close(
    broken_target: Named, small_tokenizer: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **kwargs))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    connection = IsolatedConnection(broken_target("good").spec, small_tokenizer)
    assert [process.poll() for process in started] == [None]
    connection.close()
    assert started[0].poll() is not None
    connection.close()
