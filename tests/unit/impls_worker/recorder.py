"""A back end that notes what it is asked, and frames cut short to compare them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.model import DetokenizeRequest, TokenizeRequest

PANICS = 36


class Panic(BaseException):
    """What a panic in Rust is in Python: no `Exception`."""


class Recorder:
    """A back end that notes its calls; a token's chunk tells how far its stream is, and 33 is refused."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.lengths: dict[int, int] = {}

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        self.calls.append([request.prompt for request in requests])
        if any(request.prompt == "!" for request in requests):
            raise ValueError("no such\nprompt")
        if any(request.prompt == "panic" for request in requests):
            raise Panic("in Rust")
        # Two of these aren't what a tensor can hold.
        odd = {"large": [2**31], "none": [None]}
        return [odd.get(str(request.prompt), [len(request.prompt)]) for request in requests]  # type: ignore[misc]

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        self.calls.append([(request.uid, request.next_token) for request in requests])
        if any(request.next_token == 33 for request in requests):
            raise ValueError("no such token")
        chunks = []
        for request in requests:
            self.lengths[request.uid] = self.lengths.get(request.uid, 0) + 1
            if request.next_token == PANICS:
                raise Panic("in Rust")
            chunks.append("\ud800" if request.next_token == 34 else str(self.lengths[request.uid]))
            if request.finished:
                del self.lengths[request.uid]
        return chunks if all(request.next_token != 35 for request in requests) else chunks[1:]

    def abort(self, uid: int) -> None:
        self.calls.append(uid)
        self.lengths.pop(uid, None)
        if uid == 33:
            raise ValueError("no such stream")

    def close(self) -> None:
        pass


def short(frame: bytes) -> Any:
    """A frame with each message cut to its uid and what it says; an abort is its uid alone."""
    message = msgspec.msgpack.decode(frame)
    if "data" in message:
        return [cut(each) for each in message["data"]]
    return cut(message)


def cut(message: Any) -> object:
    if message["__type__"] == "AbortBackendMsg":
        return message["uid"]
    said = message.get("incremental_output")
    return message["uid"], list(message["input_ids"]["buffer"][::4]) if said is None else said
