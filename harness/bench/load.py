"""What implementations are fed in a bench: token streams of real text in many scripts, interleaved as in serving."""

from __future__ import annotations

import itertools
import pathlib
import random
from collections.abc import Iterator, Sequence

from harness.corpus import read_corpora
from harness.model import DetokenizeRequest
from harness.tokenizer import Codec

TEXTS = ("cjk", "code", "conversations", "emoji", "languages", "marks")
"""Corpora of texts as people write them; the others are made to be hard."""
_SEED = 20
_STREAMS = 512
_LENGTHS = (50, 750)


def texts(corpora: pathlib.Path) -> list[str]:
    """Texts in many scripts, those of conversations among them."""
    read = [corpus for corpus in read_corpora(corpora) if corpus.name in TEXTS]
    turns = [turn for corpus in read for conversation in corpus.conversations for turn in conversation]
    return [text for corpus in read for text in corpus.texts] + [turn["content"] for turn in turns]


def text_streams(corpora: pathlib.Path, codec: Codec) -> list[list[int]]:
    """Streams of different lengths, each of texts drawn from the corpora and joined by line feeds."""
    encoded = [ids for text in texts(corpora) if (ids := codec.encode(text + "\n"))]
    chance = random.Random(_SEED)
    streams: list[list[int]] = []
    for _ in range(_STREAMS):
        length = chance.randint(*_LENGTHS)
        stream: list[int] = []
        while len(stream) < length:
            stream += chance.choice(encoded)
        streams.append(stream[:length])
    return streams


def interleaved(streams: Sequence[Sequence[int]], live: int, steps: int) -> Iterator[list[DetokenizeRequest]]:
    """Batches of one token of each of `live` streams, as a decode step gives them.

    A stream that has ended is followed by another with a new uid; all that are left end in the last step.
    """
    following = itertools.cycle(streams)
    uids = itertools.count(1)
    slots = [(next(uids), next(following), 0) for _ in range(live)]
    for step in range(steps):
        batch: list[DetokenizeRequest] = []
        for slot, (uid, stream, at) in enumerate(slots):
            ends = at + 1 == len(stream) or step + 1 == steps
            batch.append(DetokenizeRequest(uid, stream[at], ends))
            slots[slot] = (next(uids), next(following), 0) if ends else (uid, stream, at + 1)
        yield batch
