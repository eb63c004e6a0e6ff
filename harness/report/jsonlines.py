"""A run as JSON lines: an event each, the last one a footer without which the report was cut off."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterable, Iterator

import msgspec

from harness.errors import ParityError
from harness.events import Event, Progress, RunFinished


def record(events: Iterable[Event], path: pathlib.Path) -> Iterator[Event]:
    """Pass the events on and write them, but for progress; the file is there when the run is over, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
        scratch = pathlib.Path(file.name)
        try:
            for event in events:
                if not isinstance(event, Progress):
                    file.write(msgspec.json.encode(event) + b"\n")
                yield event
        except BaseException:
            scratch.unlink()
            raise
    scratch.replace(path)


def read(path: pathlib.Path) -> list[Event]:
    """The events of a report. Raises `ParityError` if it isn't one, or was cut off."""
    try:
        lines = path.read_bytes().splitlines()
        events: list[Event] = [msgspec.json.decode(line, type=Event) for line in lines]
    except (OSError, msgspec.DecodeError) as error:
        raise ParityError(
            f"{path} is not a report", cause=str(error), hint="make one with `parity check … --json FILE`"
        ) from error
    if not events or not isinstance(events[-1], RunFinished):
        raise ParityError(f"the report {path} was cut off", cause="its footer is missing", hint="run it again")
    return events
