"""What a worker answers to the requests it holds: the frames for the front end and for the back end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from harness.model import DetokenizeRequest, TokenizeRequest
from harness.protocol import Backend
from harness.wire import (
    AbortBackendMsg,
    AbortMsg,
    DetokenizeMsg,
    Request,
    Tensor,
    TokenizeMsg,
    UserMsg,
    UserReply,
    encode_backend,
    encode_replies,
)
from impls.worker.log import Log

STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a worker. Whatever else a back end raises costs a request: a panic of one in Rust is no `Exception`."""

_Message = TypeVar("_Message", bound=UserReply | UserMsg)


@dataclass(slots=True)
class Answers:
    """Encoded frames in the order in which they are to be sent, the front end's before the back end's."""

    frontend: list[bytes] = field(default_factory=list)
    backend: list[bytes] = field(default_factory=list)


def describe(error: BaseException) -> str:
    """An exception as one printable line."""
    return f"{type(error).__name__}: {error}"[:300].encode("unicode_escape").decode("ascii")[:300]


@dataclass(frozen=True, slots=True)
class Answerer:
    """Asks `backend` and encodes what it says; a request that can't be answered is a line to `log`."""

    backend: Backend
    log: Log

    def answer(self, requests: Iterable[Request]) -> Answers:
        """Answer requests held together, in the order in which they came.

        Detokenize requests are answered in one frame for the front end, then tokenize requests and then
        aborts in one frame each for the back end. Never raises on what the back end does.
        """
        answers = Answers()
        replies: list[UserReply] = []
        run: list[DetokenizeMsg] = []
        uids: set[int] = set()
        prompts: list[TokenizeMsg] = []
        aborts: list[AbortMsg] = []
        aborted: set[int] = set()
        for request in requests:
            uid = request.uid
            if isinstance(request, DetokenizeMsg):
                # A stream's second token in one call is cut off into a call of its own: the first one has to
                # have changed the stream, or ended it, by then.
                if uid in uids:
                    replies += self._detokenize(run)
                    run, uids = [], set()
                run.append(request)
                uids.add(uid)
            elif isinstance(request, AbortMsg):
                # Answers go out detokenize first, aborts last, but a stream's state has to change in the
                # order of arrival. An abort that came after a token of its stream waits until that token is
                # fed; one that came before takes effect now, so that a later token starts a new stream.
                if uid in uids:
                    replies += self._detokenize(run)
                    run, uids = [], set()
                self._abort(uid)
                aborts.append(request)
                aborted.add(uid)
            else:
                # With the abort sent last, the back end would drop the new request instead of the old one.
                if uid in aborted:
                    self._close(answers, prompts, aborts)
                    prompts, aborts, aborted = [], [], set()
                prompts.append(request)
        if run:
            replies += self._detokenize(run)
        if replies:
            answers.frontend += self._encode(encode_replies, replies)
        self._close(answers, prompts, aborts)
        return answers

    def _close(self, answers: Answers, prompts: list[TokenizeMsg], aborts: list[AbortMsg]) -> None:
        tokenized = self._tokenize(prompts) if prompts else []
        if tokenized:
            answers.backend += self._encode(encode_backend, tokenized)
        if aborts:
            answers.backend.append(encode_backend([AbortBackendMsg(message.uid) for message in aborts]))

    def _detokenize(self, messages: Sequence[DetokenizeMsg]) -> list[UserReply]:
        try:
            chunks = self.backend.detokenize([DetokenizeRequest(m.uid, m.next_token, m.finished) for m in messages])
        except STOPS:
            raise
        except BaseException as error:
            if len(messages) == 1 or not isinstance(error, Exception):
                self._give_up(messages, error)
                return []
            # A back end looks at a whole batch before it changes any state, so nothing is fed twice.
            return [reply for message in messages for reply in self._detokenize([message])]
        if len(chunks) != len(messages):
            # The state has changed: asking again would feed the tokens twice.
            for message in messages:
                self._lose(message, f"the back end gave {len(chunks)} chunks for {len(messages)} tokens")
            return []
        return [UserReply(m.uid, chunk, m.finished) for m, chunk in zip(messages, chunks, strict=True)]

    def _tokenize(self, messages: Sequence[TokenizeMsg]) -> list[UserMsg]:
        try:
            ids = self.backend.tokenize([TokenizeRequest(m.uid, m.text) for m in messages])
            return [UserMsg(m.uid, Tensor.of(own), m.sampling_params) for m, own in zip(messages, ids, strict=True)]
        except STOPS:
            raise
        except BaseException as error:
            if len(messages) == 1:
                self._lose(messages[0], describe(error))
                return []
            return [answer for message in messages for answer in self._tokenize([message])]

    def _abort(self, uid: int) -> None:
        try:
            self.backend.abort(uid)
        except STOPS:
            raise
        except BaseException as error:
            self.log(f"abort of uid {uid}: {describe(error)}")

    def _encode(self, encode: Callable[[Sequence[_Message]], bytes], messages: list[_Message]) -> list[bytes]:
        try:
            return [encode(messages)]
        except Exception:
            good: list[_Message] = []
            for message in messages:
                try:
                    encode([message])
                except Exception as error:
                    self.log(f"answer for uid {message.uid} can't be encoded: {describe(error)}")
                else:
                    good.append(message)
            return [encode(good)] if good else []

    def _give_up(self, messages: Sequence[DetokenizeMsg], error: BaseException) -> None:
        for message in messages:
            self._lose(message, describe(error))
            # A panic comes in the middle of the work, and what it leaves behind is no stream to go on with.
            if not isinstance(error, Exception):
                self._abort(message.uid)

    def _lose(self, message: Request, why: str) -> None:
        self.log(f"{type(message).__name__} of uid {message.uid} not answered: {why}")
