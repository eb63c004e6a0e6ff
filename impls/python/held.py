"""Text that is decoded but not committed, with the few facts that decide how much of it is shown.

A text that isn't committed is empty or ends in U+FFFD. Its printable part then depends on three facts
only: its length, where its last space ends, and the character before the last. They are kept as the text
grows, so that a message costs what it adds and what it answers, however long the text has become.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from impls.python.printable import is_cjk


@dataclass(slots=True)
class Text:
    """A text that grows at its end.

    `after_space` is the index after its last U+0020, or 0; `last_two` its last two characters.
    """

    parts: list[str] = field(default_factory=list[str])
    length: int = 0
    after_space: int = 0
    last_two: str = ""

    @property
    def last(self) -> str:
        """The last character, or nothing."""
        return self.last_two[-1:]

    @property
    def before_last(self) -> str:
        """The character before the last, or nothing."""
        return self.last_two[:-1]

    def append(self, piece: str) -> None:
        """Add `piece` at the end."""
        if not piece:
            return
        space = piece.rfind(" ")
        if space >= 0:
            self.after_space = self.length + space + 1
        self.parts.append(piece)
        self.length += len(piece)
        self.last_two = (self.last_two + piece[-2:])[-2:]

    def since(self, start: int) -> str:
        """The text from the index `start` on; costs what it returns, not what comes before."""
        taken: list[str] = []
        begin = self.length
        for part in reversed(self.parts):
            if begin <= start:
                break
            taken.append(part)
            begin -= len(part)
        taken.reverse()
        return "".join(taken)[max(start - begin, 0) :]

    def forget_to_space(self) -> int:
        """Drop everything up to and including the last space; the number of code points dropped."""
        dropped = self.after_space
        if dropped:
            rest = self.since(dropped)
            self.parts = [rest] if rest else []
            self.length -= dropped
            self.after_space = 0
        return dropped


@dataclass(slots=True)
class Held:
    """The uncommitted text of a stream.

    `settled` is the part that more tokens can't change, from its last space on: all that comes before was
    shown and stays shown. What follows it are the bytes not yet settled, which for now look like some U+FFFD.
    `sent` counts the code points of settled text that were shown. It may go back, and the text is then sent
    a second time, so `settled` can't be cut at `sent`.
    """

    settled: Text = field(default_factory=Text)
    sent: int = 0

    def show(self, *, unsettled: bool) -> str:
        """The chunk of a message that commits nothing: the printable part that wasn't sent.

        With `unsettled`, a U+FFFD follows the settled text. There may be more of them if that text is empty
        or ends in one itself: none of them are shown then.
        """
        settled, sent = self.settled, self.sent
        length = settled.length if unsettled else settled.length - 1
        ideograph = is_cjk(settled.last if unsettled else settled.before_last)
        shown = length if ideograph else settled.after_space
        chunk = settled.since(sent)[: shown - sent] if shown > sent else ""
        self.sent = shown - settled.forget_to_space()
        return chunk

    def commit(self) -> str:
        """The chunk of a message that commits: all that wasn't sent. The object is of no use afterwards."""
        return self.settled.since(self.sent)
