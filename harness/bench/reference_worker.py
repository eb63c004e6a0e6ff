"""`python -m harness.bench.reference_worker`: a worker process that answers with the oracle, one frame at a time.

It stands for the reference's worker, which can't be part of this repository: the same work a message, with a faster
library for MessagePack. It trusts its frames, and is there to be measured.
"""

from __future__ import annotations

import argparse
import pathlib
import signal
import sys
from collections.abc import Sequence

import msgspec
import zmq

from harness.model import DetokenizeRequest
from harness.oracle import ReferenceDetokenizer
from harness.tokenizer import TransformersCodec
from harness.wire import (
    BatchTokenizerMsg,
    DetokenizeMsg,
    Tensor,
    TokenizeMsg,
    UserMsg,
    UserReply,
    encode_backend,
    encode_replies,
)

COMMAND = (
    *(sys.executable, "-m", "harness.bench.reference_worker", "--tokenizer", "{tokenizer}"),
    *("--pull", "{pull}", "--backend", "{backend}", "--frontend", "{frontend}"),
)


def main(argv: Sequence[str]) -> int:
    """Answer until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench.reference_worker")
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    for end in ("pull", "backend", "frontend"):
        parser.add_argument(f"--{end}", required=True)
    told = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    codec = TransformersCodec(told.tokenizer)
    detokenizer = ReferenceDetokenizer(codec)
    decode = msgspec.msgpack.Decoder(BatchTokenizerMsg | DetokenizeMsg | TokenizeMsg).decode
    with zmq.Context() as context:
        pull, backend, frontend = (context.socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUSH))
        backend.connect(told.backend)
        frontend.connect(told.frontend)
        pull.bind(told.pull)
        print("ready", flush=True)
        while True:
            message = decode(pull.recv())
            messages = message.data if isinstance(message, BatchTokenizerMsg) else [message]
            tokens = [each for each in messages if isinstance(each, DetokenizeMsg)]
            prompts = [each for each in messages if isinstance(each, TokenizeMsg)]
            if tokens:
                chunks = detokenizer.detokenize([DetokenizeRequest(m.uid, m.next_token, m.finished) for m in tokens])
                replies = [UserReply(m.uid, chunk, m.finished) for m, chunk in zip(tokens, chunks, strict=True)]
                frontend.send(encode_replies(replies))
            if prompts:
                ids = [Tensor.of(codec.encode(m.text)) for m in prompts]
                answers = [UserMsg(m.uid, own, m.sampling_params) for m, own in zip(prompts, ids, strict=True)]
                backend.send(encode_backend(answers))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
