from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from harness.wire import (
    MAX_FIELDS,
    MAX_MESSAGES,
    AbortBackendMsg,
    AbortMsg,
    DetokenizeMsg,
    FrameError,
    Problem,
    RequestReader,
    Tensor,
    TokenizeMsg,
    UserMsg,
    UserReply,
    decode_backend,
    decode_frontend,
    encode_backend,
    encode_replies,
    encode_requests,
)

# By hand, as the reference writes them: a map, `__type__` first, the fields in their order.
TYPE = b"\xa8__type__"
PARAMS = b"\x82" + TYPE + b"\xaeSamplingParams" + b"\xabtemperature\xcb\x3f\xe0\0\0\0\0\0\0"
TOKENIZE = b"\x84" + TYPE + b"\xabTokenizeMsg\xa3uid\x07\xa4text\xa3a\xc3\xa9" + b"\xafsampling_params" + PARAMS
CHAT = (
    b"\x84"
    + TYPE
    + b"\xabTokenizeMsg\xa3uid\x08\xa4text\x91\x82\xa4role\xa4user\xa7content\xa2hi"
    + b"\xafsampling_params\x80"
)
DETOKENIZE = (
    b"\x84" + TYPE + b"\xadDetokenizeMsg\xa3uid\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"
    b"\xaanext_token\xce\xff\xff\xff\xff\xa8finished\xc3"
)
ABORT = b"\x82" + TYPE + b"\xa8AbortMsg\xa3uid\x00"
BATCH = b"\x82" + TYPE + b"\xb1BatchTokenizerMsg\xa4data"
REPLY = b"\x84" + TYPE + b"\xa9UserReply\xa3uid\x00\xb2incremental_output\xa3\xe4\xb8\xad\xa8finished\xc2"
TENSOR = b"\x83" + TYPE + b"\xa6Tensor\xa6buffer\xc4\x08\x01\0\0\0\xff\xff\xff\x7f\xa5dtype\xabtorch.int32"
USER = b"\x84" + TYPE + b"\xa7UserMsg\xa3uid\x07\xa9input_ids" + TENSOR + b"\xafsampling_params" + PARAMS
BACKEND_ABORT = b"\x82" + TYPE + b"\xafAbortBackendMsg\xa3uid\x00"
FRONTEND_BATCH = b"\x82" + TYPE + b"\xb0BatchFrontendMsg\xa4data"
BACKEND_BATCH = b"\x82" + TYPE + b"\xafBatchBackendMsg\xa4data"

MESSAGES: list[tuple[TokenizeMsg | DetokenizeMsg | AbortMsg, bytes]] = [
    (TokenizeMsg(7, "aé", msgspec.Raw(PARAMS)), TOKENIZE),
    (TokenizeMsg(8, [{"role": "user", "content": "hi"}], msgspec.Raw(b"\x80")), CHAT),
    (DetokenizeMsg(2**63 - 1, 2**32 - 1, True), DETOKENIZE),
    (AbortMsg(0), ABORT),
]


def packed(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def token(**changed: object) -> dict[str, object]:
    return {"__type__": "DetokenizeMsg", "uid": 5, "next_token": 1, "finished": False, **changed}


def prompt(**changed: object) -> dict[str, object]:
    return {"__type__": "TokenizeMsg", "uid": 5, "text": "a", "sampling_params": {}, **changed}


READER = RequestReader()


def read(frame: bytes, reader: RequestReader = READER) -> tuple[Sequence[object], list[Problem]]:
    return reader.read(frame)


@pytest.mark.parametrize(("message", "frame"), MESSAGES, ids=lambda value: type(value).__name__)
def test_a_request_is_these_bytes(message: TokenizeMsg | DetokenizeMsg | AbortMsg, frame: bytes) -> None:
    assert encode_requests([message]) == frame
    [back], problems = RequestReader().read(frame)
    assert not problems
    assert type(back) is type(message)
    assert encode_requests([back]) == frame


def test_requests_are_a_batch() -> None:
    frame = BATCH + b"\x94" + b"".join(frame for _, frame in MESSAGES)
    assert encode_requests([message for message, _ in MESSAGES]) == frame
    requests, problems = RequestReader().read(frame)
    assert not problems
    assert [encode_requests([request]) for request in requests] == [frame for _, frame in MESSAGES]


def test_replies_are_these_bytes() -> None:
    reply = UserReply(0, "中", False)
    assert encode_replies([reply]) == REPLY
    assert encode_replies([reply, reply]) == FRONTEND_BATCH + b"\x92" + REPLY + REPLY
    assert decode_frontend(REPLY) == reply
    batch = decode_frontend(FRONTEND_BATCH + b"\x91" + REPLY)
    assert not isinstance(batch, UserReply)
    assert batch.data == [reply]


def test_messages_for_the_back_end_are_these_bytes() -> None:
    user = UserMsg(7, Tensor.of([1, 2**31 - 1]), msgspec.Raw(PARAMS))
    abort = AbortBackendMsg(0)
    assert encode_backend([user]) == USER
    assert encode_backend([abort]) == BACKEND_ABORT
    assert encode_backend([user, abort]) == BACKEND_BATCH + b"\x92" + USER + BACKEND_ABORT
    back = decode_backend(USER)
    assert isinstance(back, UserMsg)
    assert (back.uid, back.input_ids.ids(), bytes(back.sampling_params)) == (7, [1, 2**31 - 1], PARAMS)
    assert decode_backend(BACKEND_ABORT) == abort


def test_a_tensor_is_little_endian_int32() -> None:
    assert Tensor.of([1, -2, 258]).buffer == b"\1\0\0\0\xfe\xff\xff\xff\2\1\0\0"
    assert Tensor.of([]).ids() == []
    assert Tensor(b"\0\1\0\0").ids() == [256]
    with pytest.raises(OverflowError):
        Tensor.of([2**31])
    with pytest.raises(TypeError):
        Tensor.of(["a"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="multiple"):
        Tensor(b"\0\0\0").ids()


@pytest.mark.parametrize(
    "params",
    [
        b"\x81\xa1a\xcd\x00\x01",  # 1 in two bytes more than it needs
        b"\xde\x00\x01\xa1a\xca\x3f\x80\0\0",  # a long map, a single-precision number
        b"\x82\xa1a\x01\xa1a\x02",  # a key twice
        b"\x81\x01\xc7\x01\x05\x00",  # no string for a key, an extension type
        b"\x81\xc4\x01a\xa1\x00",  # bytes for a key
        b"\xdf\0\0\0\x00",
    ],
)
def test_sampling_parameters_keep_their_bytes(params: bytes) -> None:
    frame = b"\x84" + TYPE + b"\xabTokenizeMsg\xa3uid\x07\xa4text\xa1a\xafsampling_params" + params
    for wrapped in (frame, BATCH + b"\x91" + frame, BATCH + b"\x92" + frame + b"\x07"):
        requests, _ = RequestReader().read(wrapped)
        assert isinstance(requests[0], TokenizeMsg)
        assert encode_backend([UserMsg(1, Tensor(b""), requests[0].sampling_params)]).endswith(params)


def test_the_order_of_the_keys_and_unknown_keys_do_not_matter() -> None:
    frame = packed({"next_token": 1, "more": [1, {}], "finished": True, "uid": 2, "__type__": "DetokenizeMsg"})
    assert read(frame) == ([DetokenizeMsg(2, 1, True)], [])


def test_an_empty_batch_has_nothing() -> None:
    assert read(BATCH + b"\x90") == ([], [])


BAD_MESSAGES: list[tuple[Any, int | None]] = [
    (token(uid=-1), None),
    (token(uid=2**63), None),
    (token(uid=True), None),
    (token(uid=1.0), None),
    (token(uid="5"), None),
    (token(uid=None), None),
    (token(next_token=-1), 5),
    (token(next_token=2**32), 5),
    (token(next_token=1.5), 5),
    (token(next_token=True), 5),
    (token(next_token="1"), 5),
    (token(finished=1), 5),
    (token(finished=None), 5),
    (token(finished="true"), 5),
    ({"__type__": "DetokenizeMsg", "uid": 5, "next_token": 1}, 5),
    ({"__type__": "DetokenizeMsg", "next_token": 1, "finished": True}, None),
    ({"__type__": "TokenizeMsg", "uid": 5, "text": "a"}, 5),
    ({"__type__": "AbortMsg"}, None),
    (prompt(text=b"a"), 5),
    (prompt(text=None), 5),
    (prompt(text=["a"]), 5),
    (prompt(text={"role": "user"}), 5),
    (prompt(text=[{"role": 1}]), 5),
    (prompt(text=[{"role": [1]}]), 5),
    (prompt(text=[{1: "user"}]), 5),
    (prompt(sampling_params=None), 5),
    (prompt(sampling_params=[]), 5),
    (prompt(sampling_params="a"), 5),
    (token(__type__="UserReply"), 5),
    (token(__type__="Line\nfeed\x1b[31m"), 5),
    (token(__type__=7), 5),
    ({"uid": 5, "next_token": 1, "finished": False}, 5),
    ({"__type__": "BatchTokenizerMsg", "data": []}, None),
    ({}, None),
    ([], None),
    (7, None),
    (None, None),
    ("DetokenizeMsg", None),
    (msgspec.msgpack.Ext(1, b"a"), None),
]


@pytest.mark.parametrize(("bad", "uid"), BAD_MESSAGES, ids=repr)
def test_a_bad_message_costs_only_itself(bad: object, uid: int | None) -> None:
    frame = BATCH + b"\x93" + DETOKENIZE + packed(bad) + ABORT
    requests, [problem] = read(frame)
    assert requests == [DetokenizeMsg(2**63 - 1, 2**32 - 1, True), AbortMsg(0)]
    assert (problem.code, problem.uid) == ("bad-message", uid)
    assert problem.message.isprintable()


@pytest.mark.parametrize(
    "bad",
    [message for message, _ in BAD_MESSAGES if message != {"__type__": "BatchTokenizerMsg", "data": []}],
    ids=repr,
)
def test_a_bad_message_alone_is_a_problem(bad: object) -> None:
    requests, [problem] = read(packed(bad))
    assert not requests
    assert problem.code == ("bad-frame" if problem.uid is None else "bad-message")


def test_a_string_that_is_not_utf8_costs_only_its_message() -> None:
    bad = b"\x84" + TYPE + b"\xabTokenizeMsg\xa3uid\x07\xa4text\xa1\xff\xafsampling_params\x80"
    requests, [problem] = read(BATCH + b"\x92" + bad + ABORT)
    assert requests == [AbortMsg(0)]
    assert (problem.code, problem.uid) == ("bad-message", 7)


@pytest.mark.parametrize(
    "params", [b"\x81\xa1a\xa1\xff", b"\x81\xa1\xff\x00", b"\x81\xa1a\x91\x81\x01\xd9\x02\xc3\x28"]
)
def test_parameters_with_a_string_that_is_none_cost_only_their_message(params: bytes) -> None:
    bad = b"\x84" + TYPE + b"\xabTokenizeMsg\xa3uid\x07\xa4text\xa1a\xafsampling_params" + params
    requests, [problem] = read(BATCH + b"\x92" + bad + ABORT)
    assert requests == [AbortMsg(0)]
    assert (problem.code, problem.uid) == ("bad-message", 7)
    assert "sampling_params" in problem.message


def test_a_turn_of_too_many_fields_costs_only_its_message() -> None:
    turn = {str(field): "" for field in range(MAX_FIELDS)}
    frame = packed({"__type__": "BatchTokenizerMsg", "data": [prompt(text=[turn]), prompt(text=[{**turn, "a": ""}])]})
    requests, [problem] = read(frame)
    assert len(requests) == 1
    assert (problem.code, problem.uid) == ("bad-message", 5)


def test_problems_come_in_the_order_of_the_frame() -> None:
    bad = [token(uid=uid, finished=0) for uid in (3, 1, 2)]
    frame = packed({"__type__": "BatchTokenizerMsg", "data": [bad[0], token(), bad[1], token(uid=6), bad[2]]})
    requests, problems = read(frame)
    assert requests == [DetokenizeMsg(5, 1, False), DetokenizeMsg(6, 1, False)]
    assert [problem.uid for problem in problems] == [3, 1, 2]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"{}",
        b"\x80",
        b"\x93\x01",
        DETOKENIZE[:-1],
        ABORT + b"\x00",
        BATCH + b"\x92" + ABORT,
        BATCH + b"\x92" + ABORT + ABORT[:-1],
        BATCH + b"\x91" + ABORT + ABORT,
        BATCH + b"\xc0",
        BATCH + b"\x80",
        b"\x81" + TYPE + b"\xb1BatchTokenizerMsg",
        BATCH + b"\xdd\xff\xff\xff\xff",
        BATCH + b"\xdc\x00",
        b"\x81" + b"\xdf\xff\xff\xff\xff",
        b"\x91" * 100_000 + b"\x00",
        BATCH + b"\x91" * 100_000 + b"\x00",
    ],
    ids=lambda frame: repr(frame[:40]),
)
def test_a_bad_frame_is_one_problem(frame: bytes) -> None:
    requests, [problem] = read(frame)
    assert not requests
    assert problem.code == "bad-frame"
    assert problem.message.isprintable()


def test_more_messages_than_a_frame_may_have() -> None:
    fits = BATCH + b"\xdd" + MAX_MESSAGES.to_bytes(4, "big") + ABORT * MAX_MESSAGES
    requests, problems = read(fits)
    assert (len(requests), problems) == (MAX_MESSAGES, [])
    requests, [problem] = read(BATCH + b"\xdd" + (MAX_MESSAGES + 1).to_bytes(4, "big") + ABORT * (MAX_MESSAGES + 1))
    assert not requests
    assert (problem.code, str(MAX_MESSAGES) in problem.message) == ("bad-frame", True)


def test_a_frame_that_is_too_long() -> None:
    assert read(ABORT, RequestReader(max_frame_bytes=len(ABORT))) == ([AbortMsg(0)], [])
    requests, [problem] = read(ABORT, RequestReader(max_frame_bytes=len(ABORT) - 1))
    assert not requests
    assert problem == Problem("long-frame", f"frame of {len(ABORT)} bytes, the limit is {len(ABORT) - 1}")


@pytest.mark.parametrize("text", ["中中中中中", [{"a": "中"}, {"b": "中", "": "中"}]], ids=["text", "chat"])
def test_a_prompt_that_is_too_long_costs_only_itself(text: object) -> None:
    frame = packed({"__type__": "BatchTokenizerMsg", "data": [prompt(text=text), token()]})
    assert len(read(frame, RequestReader(max_prompt_characters=5))[0]) == 2
    requests, [problem] = read(frame, RequestReader(max_prompt_characters=4))
    assert requests == [DetokenizeMsg(5, 1, False)]
    assert problem == Problem("long-prompt", "prompt of 5 characters, the limit is 4", 5)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x80",
        REPLY[:-1],
        REPLY + b"\x00",
        ABORT,
        USER,
        FRONTEND_BATCH + b"\xdd\xff\xff\xff\xff",
        FRONTEND_BATCH + b"\x92" + REPLY + USER,
        packed({"__type__": "UserReply", "uid": 1, "incremental_output": b"a", "finished": False}),
        packed({"__type__": "UserReply", "uid": 1, "incremental_output": None, "finished": False}),
        packed({"__type__": "UserReply", "uid": 1, "incremental_output": "a", "finished": 0}),
        packed({"__type__": "UserReply", "uid": -1, "incremental_output": "a", "finished": False}),
        packed({"__type__": "UserReply", "uid": 1, "incremental_output": "a"}),
        b"\x84" + TYPE + b"\xa9UserReply\xa3uid\x00\xb2incremental_output\xa3\xed\xa0\x80\xa8finished\xc2",
    ],
    ids=lambda frame: repr(frame[:40]),
)
def test_a_frame_that_is_not_for_the_front_end(frame: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        decode_frontend(frame)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        REPLY,
        USER[:-1],
        BACKEND_BATCH + b"\x91" + REPLY,
        USER.replace(b"torch.int32", b"torch.int64"),
        USER.replace(b"\xc4\x08", b"\xa8"),  # a string in place of bytes
        packed({"__type__": "UserMsg", "uid": 1, "input_ids": [1, 2], "sampling_params": {}}),
        packed({"__type__": "UserMsg", "uid": 1, "input_ids": {"buffer": b"", "dtype": "torch.int32"}}),
        packed({"__type__": "AbortBackendMsg"}),
    ],
    ids=lambda frame: repr(frame[:40]),
)
def test_a_frame_that_is_not_for_the_back_end(frame: bytes) -> None:
    with pytest.raises(FrameError):
        decode_backend(frame)


def test_a_damaged_frame_never_raises() -> None:
    chance = random.Random(20)
    whole = BATCH + b"\x94" + b"".join(frame for _, frame in MESSAGES)
    for _ in range(5_000):
        frame = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(frame))
            damage = chance.randrange(3)
            if damage == 0:
                frame[at] = chance.randrange(256)
            elif damage == 1:
                frame[at:at] = chance.randbytes(chance.randint(1, 5))
            else:
                del frame[at : at + chance.randint(1, 3)]
        requests, problems = RequestReader().read(bytes(frame))
        assert all(0 <= request.uid < 2**63 for request in requests)
        assert all(problem.message.isprintable() and len(problem.message) <= 200 for problem in problems)
