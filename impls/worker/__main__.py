"""`python -m impls.worker`: a tokenizer worker process on the reference's wire."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from harness.wire import RequestReader
from impls.worker.frames import open_frames
from impls.worker.log import LimitedLog, to_stderr
from impls.worker.loop import Stop, Worker, open_sockets
from impls.worker.settings import SettingsError, parse


def main(argv: Sequence[str]) -> int:
    """Run a worker until it is told to stop: 0, or 2 if it can't start."""
    stop = Stop()
    try:
        settings = parse(argv, os.environ)
        stop.on_signals()
        reader, log = RequestReader(), LimitedLog()
        with (
            open_frames(settings.backend_name, settings.tokenizer, reader, settings.local_bs, log) as frames,
            open_sockets(settings, reader.max_frame_bytes, stop) as sockets,
        ):
            print("ready", flush=True)
            Worker(sockets, frames, log, stop).run()
    except SettingsError as error:
        to_stderr(f"worker: error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
