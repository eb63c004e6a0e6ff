from __future__ import annotations

import io

from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from harness.report import changes
from harness.upgrade.groups import Change, Difference, Grouping


def test_changes(snapshot: SnapshotAssertion) -> None:
    grouping = Grouping()
    for name in ("bert", "t5"):
        grouping.add(name, [Difference(Change.TEXT, "decoder \x1b[31m", "w", "c/one", 1, "'a\\u200f b'", "'[x]'")])
    grouping.add("t5", [Difference(Change.CHUNKS, "other chunks", "w", "c/two", 2, "'a' | ''", "'' | 'a'")])
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=False)
    changes.show_settings({"bert": ["x was 1 and is 2"], "t5": ["x was 1 and is 2", "y was \x00"]}, console)
    changes.show_groups(grouping.groups(), console)
    for group in grouping.groups():
        changes.show_beside(group, console)
    assert "\x1b" not in file.getvalue()
    assert file.getvalue() == snapshot
