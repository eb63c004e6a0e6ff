"""What goldens change, in a terminal: a list of groups, or each with both sides beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from harness.upgrade.groups import Group
from harness.visible import escaped


def show_settings(settings: Mapping[str, Sequence[str]], console: Console) -> None:
    """What is set otherwise in the pipelines as they were loaded: the same for several tokenizers as one line."""
    lines: dict[str, list[str]] = {}
    for tokenizer, found in settings.items():
        for line in found:
            lines.setdefault(line, []).append(tokenizer)
    for line, tokenizers in lines.items():
        console.print(Text(escaped(f"set otherwise: {line} ({', '.join(tokenizers)})")), soft_wrap=True)


def show_groups(groups: Sequence[Group], console: Console) -> None:
    """Each group in lines: id and class, cause, where and how often, the smallest example."""
    for group in groups:
        lines = (_title(group), f"  {_where(group)}", f"  before {group.before}", f"  after  {group.after}")
        console.print(Text("\n".join(map(escaped, lines))), soft_wrap=True)
    differences = sum(group.count for group in groups)
    console.print(f"{len(groups)} groups, {differences} differences", highlight=False)


def show_beside(group: Group, console: Console) -> None:
    """One group with both sides of its smallest example beside each other."""
    table = Table(
        Column("before", ratio=1, overflow="fold"),
        Column("after", ratio=1, overflow="fold"),
        title=Text(escaped(_title(group))),
        title_justify="left",
        caption=Text(escaped(_where(group))),
        caption_justify="left",
        expand=True,
    )
    table.add_row(Text(escaped(group.before)), Text(escaped(group.after)))
    console.print(table)


def _title(group: Group) -> str:
    return f"{group.id}  {group.change.value}: {group.cause}"


def _where(group: Group) -> str:
    where = ", ".join(f"{name} {count}" for name, count in group.tokenizers.items())
    return f"{group.count} times ({where}), smallest in {group.place}"
