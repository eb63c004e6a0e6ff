"""`python -m impls.worker`: a tokenizer worker process on the reference's wire."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from harness.wire import RequestReader
from impls.worker.answer import Answerer, describe
from impls.worker.log import LimitedLog, to_stderr
from impls.worker.loop import Stop, Worker, open_sockets
from impls.worker.settings import SettingsError, load_factory, parse


def main(argv: Sequence[str]) -> int:
    """Run a worker until it is told to stop: 0, or 2 if it can't start."""
    stop = Stop()
    try:
        settings = parse(argv, os.environ)
        stop.on_signals()
        reader = RequestReader()
        try:
            backend = load_factory(settings.backend_name)(settings.tokenizer)
        except Exception as error:
            cause = describe(error)
            raise SettingsError(f"the {settings.backend_name} back end doesn't start: {cause}") from error
        try:
            with open_sockets(settings, reader, stop) as sockets:
                print("ready", flush=True)
                log = LimitedLog()
                Worker(sockets, Answerer(backend, log), reader, log, settings.local_bs, stop).run()
        finally:
            backend.close()
    except SettingsError as error:
        to_stderr(f"worker: error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
