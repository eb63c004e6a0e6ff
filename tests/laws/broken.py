"""Small implementations, each wrong in one way, made of one that is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.fuzz import Setting
from harness.model import DetokenizeRequest, TokenizeRequest
from harness.oracle import IdealDetokenizer
from harness.protocol import Factory

Requests = Sequence[DetokenizeRequest]


class Right:
    """Keeps every law. The wrong ones change what one of its methods does."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.ideal = IdealDetokenizer(setting.codec, setting.vocabulary)
        self.size = setting.vocabulary.size

    def detokenize(self, requests: Requests) -> list[str]:
        return self.ideal.detokenize(requests)

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        return [self.setting.codec.encode(request.prompt) for request in requests]

    def abort(self, uid: int) -> None:
        self.ideal.abort(uid)

    def close(self) -> None:
        pass

    def text(self, ids: Sequence[int]) -> str:
        return self.setting.codec.decode_batch([ids])[0] if ids else ""


class RaisesOnSpecials(Right):
    def detokenize(self, requests: Requests) -> list[str]:
        if any(request.next_token in self.setting.vocabulary.specials for request in requests):
            raise KeyError("special")
        return super().detokenize(requests)


class AnswersBytes(Right):
    def detokenize(self, requests: Requests) -> list[str]:
        return [chunk.encode() for chunk in super().detokenize(requests)]  # type: ignore[misc]


class AnswersTooFew(Right):
    def detokenize(self, requests: Requests) -> list[str]:
        return super().detokenize(requests)[:3]


class AnswersTooMany(Right):
    def detokenize(self, requests: Requests) -> list[str]:
        return [*super().detokenize(requests), ""]


class IsPoisoned(Right):
    """A call with an id that is none is refused, but half of it was done."""

    def detokenize(self, requests: Requests) -> list[str]:
        chunks = []
        for request in requests:
            chunks += super().detokenize([request])
        return chunks


class KeepsOverAbort(Right):
    def abort(self, uid: int) -> None:
        pass


class KeepsOverFinish(Right):
    def detokenize(self, requests: Requests) -> list[str]:
        return super().detokenize([DetokenizeRequest(r.uid, r.next_token, False) for r in requests])


class MixesUids(Right):
    """Uids that are equal in 16 bits are one."""

    def detokenize(self, requests: Requests) -> list[str]:
        return super().detokenize([DetokenizeRequest(r.uid % 2**16, r.next_token, r.finished) for r in requests])

    def abort(self, uid: int) -> None:
        super().abort(uid % 2**16)


class ForgetsTheFirst(Right):
    """A uid that stands in a batch twice is fed its last token only."""

    def detokenize(self, requests: Requests) -> list[str]:
        last = {request.uid: at for at, request in enumerate(requests)}
        kept = iter(super().detokenize([request for at, request in enumerate(requests) if last[request.uid] == at]))
        return [next(kept) if last[request.uid] == at else "" for at, request in enumerate(requests)]


class SwapsSlots(Right):
    def detokenize(self, requests: Requests) -> list[str]:
        chunks = super().detokenize(requests)
        return [*chunks[:-2], *chunks[-1:], *chunks[-2:-1]] if len(chunks) > 3 else chunks


class SendsTwice(Right):
    """The last character of a chunk is sent again with the next one, if it is an ideograph."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.last: dict[int, str] = {}

    def detokenize(self, requests: Requests) -> list[str]:
        return [self._again(r, *super(SendsTwice, self).detokenize([r])) for r in requests]

    def _again(self, request: DetokenizeRequest, chunk: str) -> str:
        last = self.last.pop(request.uid, "") if chunk or request.finished else ""
        if not request.finished and chunk and "㐀" <= chunk[-1] <= "鿿":
            self.last[request.uid] = chunk[-1]
        return last + chunk if chunk else chunk

    def abort(self, uid: int) -> None:
        super().abort(uid)
        self.last.pop(uid, None)


class Whole(Right):
    """Decodes each stream as a whole at each message, and sends what is longer than what was sent."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.streams: dict[int, tuple[list[int], int]] = {}

    def detokenize(self, requests: Requests) -> list[str]:
        if any(not 0 <= request.next_token < 2**32 for request in requests):
            raise ValueError("not an id")
        return [self.feed(request) for request in requests]

    def feed(self, request: DetokenizeRequest) -> str:
        ids, sent = self.streams.pop(request.uid, ([], 0))
        if self.adds(request):
            ids.append(request.next_token)
        text = self.text(ids)
        shown = self.shown(text, finished=request.finished)
        if not request.finished:
            self.streams[request.uid] = (ids, max(sent, len(shown)))
        return shown[sent:]

    def adds(self, request: DetokenizeRequest) -> bool:
        return not (request.finished and request.next_token == self.setting.codec.eos_id)

    def shown(self, text: str, *, finished: bool) -> str:
        return text if finished else text.rstrip("\ufffd")

    def abort(self, uid: int) -> None:
        self.streams.pop(uid, None)


class SendsAllAtOnce(Whole):
    """Characters that are not complete are sent, as U+FFFD."""

    def shown(self, text: str, *, finished: bool) -> str:
        return text


class DropsTheTail(Whole):
    def shown(self, text: str, *, finished: bool) -> str:
        return text.rstrip("\ufffd")


class HoldsWords(Whole):
    """Sends up to the last space, as transformers' streamer does."""

    def shown(self, text: str, *, finished: bool) -> str:
        return text if finished else text[: text.rfind(" ") + 1]


class ShowsEos(Whole):
    def adds(self, request: DetokenizeRequest) -> bool:
        return True


class HidesEos(Whole):
    def adds(self, request: DetokenizeRequest) -> bool:
        return request.next_token != self.setting.codec.eos_id


class SkipsSpecials(Whole):
    def adds(self, request: DetokenizeRequest) -> bool:
        eos = self.setting.codec.eos_id
        return super().adds(request) and (
            request.next_token == eos or request.next_token not in self.setting.vocabulary.specials
        )


class ClampsIds(Whole):
    """An id beyond the vocabulary is taken for 0."""

    def feed(self, request: DetokenizeRequest) -> str:
        token = request.next_token if request.next_token < self.size else 0
        return super().feed(DetokenizeRequest(request.uid, token, request.finished))


class StripsSpaces(Right):
    def detokenize(self, requests: Requests) -> list[str]:
        return [chunk.lstrip(" ") for chunk in super().detokenize(requests)]


class Pads(Right):
    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        ids = super().tokenize(requests)
        longest = max(map(len, ids), default=0)
        return [[*row, *[0] * (longest - len(row))] for row in ids]


class SortsPrompts(Right):
    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[list[int]]:
        return sorted(super().tokenize(requests), key=len)


BROKEN: Mapping[str, tuple[Callable[[Setting], Right], str]] = {
    kind.__name__: (kind, law)
    for law, kinds in {
        "answers": (RaisesOnSpecials, AnswersBytes, AnswersTooFew, AnswersTooMany),
        "forgets": (KeepsOverAbort, KeepsOverFinish),
        "independent": (MixesUids, ForgetsTheFirst, SwapsSlots),
        "append-only": (SendsTwice,),
        "no-replacement": (SendsAllAtOnce,),
        "prompt": (DropsTheTail, HoldsWords),
        "eos": (ShowsEos, HidesEos),
        "complete": (SkipsSpecials, ClampsIds, StripsSpaces),
        "batch-encode": (Pads, SortsPrompts),
    }.items()
    for kind in kinds
}
"""By name: the implementation, and the law that it must be found to break."""


def factory_of(kind: Callable[[Setting], Right], setting: Setting) -> Factory:
    """Makes it, on a tokenizer that is loaded already."""
    return lambda folder: kind(setting)
