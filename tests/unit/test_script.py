from __future__ import annotations

from harness.model import DetokenizeRequest, Event, Program, TokenizeRequest
from harness.script import Abort, Encode, Feed, Raised, Script, on_fresh_uids, script_of, split_repeats, streams_of


def _feed(*messages: tuple[int, int, bool]) -> Feed:
    return Feed(tuple(DetokenizeRequest(*message) for message in messages))


def test_streams_end_with_a_finish_an_abort_or_the_script() -> None:
    script = Script(
        (
            _feed((0, 1, False), (1, 2, True), (1, 3, False)),
            Encode((TokenizeRequest(0, "x"),)),
            Abort(0),
            Abort(9),
            _feed((0, 4, True), (1, 5, False)),
        )
    )
    answers = [["a", "b", "c"], [[1]], None, None, ["d", "e"]]
    streams = streams_of(script, answers)
    assert [(s.uid, s.reused, s.chunks, s.finished, s.aborted) for s in streams] == [
        (0, False, ["a"], False, True),
        (1, False, ["b"], True, False),
        (1, True, ["c", "e"], False, False),
        (0, True, ["d"], True, False),
    ]
    assert (streams[2].messages[1].step, streams[2].messages[1].slot) == (4, 1)


def test_what_was_refused_or_not_asked_is_in_no_stream() -> None:
    script = Script((_feed((0, 1, False)), _feed((0, -1, True)), _feed((0, 2, False)), _feed((0, 3, False))))
    (stream,) = streams_of(script, [["a"], Raised("no"), ["b"]])
    assert stream.chunks == ["a", "b"]


def test_fresh_uids_are_for_streams_that_reuse_one_with_all_that_is_asked_of_them() -> None:
    script = Script(
        (_feed((1, 5, True)), _feed((1, 6, False), (0, 7, False)), _feed((1, -1, False)), Abort(1), _feed((1, 8, True)))
    )
    streams = streams_of(script, [[""], ["", ""], Raised("no"), None, [""]])
    fresh = on_fresh_uids(script, streams)
    assert fresh == Script(
        (_feed((1, 5, True)), _feed((2, 6, False), (0, 7, False)), _feed((2, -1, False)), Abort(2), _feed((3, 8, True)))
    )


def test_a_batch_is_cut_before_each_uid_that_stands_in_it_again() -> None:
    assert split_repeats(_feed((0, 1, False), (1, 2, False))) == [_feed((0, 1, False), (1, 2, False))]
    assert split_repeats(_feed((0, 1, False), (0, 2, True), (1, 3, False), (0, 4, False))) == [
        _feed((0, 1, False)),
        _feed((0, 2, True), (1, 3, False)),
        _feed((0, 4, False)),
    ]


def test_a_golden_s_program_is_a_script() -> None:
    program = Program("x", [3, 4, 3], [10, 11, 0], [Event.FEED, Event.FINISH, Event.ABORT], [2, 1])
    assert script_of(program) == Script((_feed((3, 10, False), (4, 11, True)), Abort(3)))
    assert script_of(program).messages == 3
