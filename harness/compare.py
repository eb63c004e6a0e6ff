"""The judgement of one case: where answers first leave the golden, and what a user would call that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from harness.errors import Fault
from harness.model import Divergence, Event, Kind, Program, Prompts, TokenizeRequest
from harness.tokenizer import Vocabulary
from harness.visible import visible

_BEFORE = 8
_MODULI = {2**16: "2^16", 2**24: "2^24", 2**31: "2^31", 2**32: "2^32"}


@dataclass(frozen=True, slots=True)
class _Place:
    """A row of a program: its batch and slot, and the rows of its stream, from the first to the last."""

    row: int
    step: int
    slot: int
    batch: range
    stream: tuple[int, ...]


def compare_chunks(
    program: Program, expected: Sequence[str], got: Sequence[str], vocabulary: Vocabulary
) -> Divergence | None:
    """The first divergence of a program's chunks, one for each row that isn't an abort; None if there is none.

    If there are chunks for its first batches only, the program is compared up to there.
    """
    rows = [row for row, event in enumerate(program.events) if event != Event.ABORT]
    if len(got) < len(rows):
        program = _beginning(program, rows[len(got)])
        rows, expected = rows[: len(got)], expected[: len(got)]
    wanted = dict(zip(rows, expected, strict=True))
    given = dict(zip(rows, got, strict=True))
    first = next((row for row in rows if wanted[row] != given[row]), None)
    if first is None:
        return None
    place = _place(program, first)
    kind, note = _classify(program, place, wanted, given, vocabulary)
    at = _common(wanted[first], given[first])
    before = [row for row in place.stream if row < first]
    return Divergence(
        case=program.id,
        kind=kind,
        step=place.step,
        slot=place.slot,
        uid=program.uids[first],
        token=vocabulary.view(program.tokens[first]),
        before=tuple(vocabulary.view(program.tokens[row]) for row in before[-_BEFORE:]),
        expected=visible(wanted[first], around=at),
        got=visible(given[first], around=at),
        note="; ".join([note, *_hints(program, place, kind, vocabulary)]),
    )


def compare_ids(
    prompts: Prompts, expected: Sequence[Sequence[int]], got: Sequence[Sequence[int]], vocabulary: Vocabulary
) -> Divergence | None:
    """The first divergence of a case's ids; None if there is none."""
    row = 0
    for step, batch in enumerate(prompts.batches):
        wanted = [list(ids) for ids in expected[row : row + len(batch)]]
        given = [list(ids) for ids in got[row : row + len(batch)]]
        row += len(batch)
        for slot, request in enumerate(batch):
            if wanted[slot] == given[slot]:
                continue
            at = _common(wanted[slot], given[slot])
            moved = sorted(wanted) == sorted(given) and len(batch) > 1
            kind = Kind.REORDERED if moved else Kind.IDS_DIFFER
            return Divergence(
                case=prompts.id,
                kind=kind,
                step=step,
                slot=slot,
                uid=request.uid,
                token=vocabulary.view(wanted[slot][at]) if at < len(wanted[slot]) else None,
                before=tuple(vocabulary.view(token) for token in wanted[slot][max(0, at - _BEFORE) : at]),
                expected=_ids_text(wanted[slot], at),
                got=_ids_text(given[slot], at),
                note=_ids_note(kind, request, slot, wanted, given, at, len(batch)),
            )
    return None


def fault_divergence(case: Program | Prompts, fault: Fault, vocabulary: Vocabulary) -> Divergence:
    """A crash, a hang or an error as the divergence of the batch that did it."""
    uid, token, size = 0, None, 0
    step = min(max(fault.batch, 0), len(case.batches) - 1)
    if isinstance(case, Program):
        start = sum(case.batches[:step])
        uid, size = case.uids[start], case.batches[step]
        token = vocabulary.view(case.tokens[start])
    else:
        size = len(case.batches[step])
        uid = case.batches[step][0].uid
    return Divergence(
        case=case.id,
        kind=fault.kind,
        step=step,
        slot=0,
        uid=uid,
        token=token,
        before=(),
        expected=f"{size} answers",
        got=visible(fault.message, most=600),
        note=f"in the batch of {size} that is step {step}",
    )


def _beginning(program: Program, rows: int) -> Program:
    """The whole batches of the first rows of a program."""
    batches = list(program.batches[: sum(end <= rows for end in accumulate(program.batches))])
    return Program(program.id, program.uids[:rows], program.tokens[:rows], program.events[:rows], batches)


def _place(program: Program, row: int) -> _Place:
    ends = list(accumulate(program.batches))
    step = next(at for at, end in enumerate(ends) if row < end)
    batch = range(ends[step] - program.batches[step], ends[step])
    stream: list[int] = []
    for other, uid in enumerate(program.uids):
        if uid != program.uids[row]:
            continue
        if program.events[other] != Event.ABORT:
            stream.append(other)
        if program.events[other] != Event.FEED:
            if other >= row:
                break
            stream = []
    return _Place(row, step, row - batch.start, batch, tuple(stream))


def _streams_so_far(program: Program, batch: range) -> list[list[int]]:
    """For each message of a batch the rows of its stream, up to this one."""
    streams: dict[int, list[int]] = {program.uids[row]: [] for row in batch}
    for row in range(batch.start):
        rows = streams.get(program.uids[row])
        if rows is None:
            continue
        if program.events[row] == Event.FEED:
            rows.append(row)
        else:
            rows.clear()
    return [[*streams[program.uids[row]], row] for row in batch]


def _classify(
    program: Program, place: _Place, wanted: dict[int, str], given: dict[int, str], vocabulary: Vocabulary
) -> tuple[Kind, str]:
    """The class of a divergence and what is seen, from the whole of the stream it is in."""
    row, batch, stream = place.row, place.batch, place.stream
    in_batch = [wanted[other] for other in batch], [given[other] for other in batch]
    moved = sum(a != b for a, b in zip(*in_batch, strict=True))
    if moved > 1 and sorted(in_batch[0]) == sorted(in_batch[1]):
        return Kind.REORDERED, f"the batch's chunks are all there, {moved} of {len(batch)} in the wrong slot"
    full, shown = "".join(wanted[r] for r in stream), "".join(given[r] for r in stream)
    sent = "".join(wanted[r] for r in stream if r < row)
    if full == shown:
        if len(given[row]) > len(wanted[row]):
            return Kind.EARLY, "the stream's text is right in the end, but this part is sent too early"
        return Kind.LATE, "the stream's text is right in the end, but this part is sent too late"
    missing, extra = _difference(full, shown)
    seen = f"the stream lacks {visible(missing, 40)}" if missing else ""
    seen += (" and has " if seen else "the stream has ") + f"{visible(extra, 40)} too much" if extra else ""
    fed = _text_of([program.tokens[r] for r in stream if r <= row], vocabulary)
    source = _other_stream(program, place, wanted, given[row], fed, vocabulary)
    if source is not None:
        return Kind.CROSSED, f"{seen}; {visible(given[row], 40)} belongs to {source}"
    kind, why = _classify_chunk(
        wanted[row],
        given[row],
        sent=sent,
        due="".join(wanted[r] for r in stream if r > row),
        follows="".join(given[r] for r in stream if r > row),
        fed=fed,
        last=row == stream[-1],
    )
    return kind, f"{why}; {seen}"


def _classify_chunk(
    want: str, have: str, *, sent: str, due: str, follows: str, fed: str, last: bool
) -> tuple[Kind, str]:
    """The class of a wrong chunk, from what was sent before it, was due after it, did follow, and was fed."""
    if want.startswith(have):
        rest = want[len(have) :]
        # If the end of what was due is all that follows, the same text in it is not this part.
        if follows.startswith(rest) and _resembles(follows, rest + due, due) and not due.endswith(follows):
            return Kind.LATE, "this part is sent later"
        return Kind.LOST, "this part is never sent"
    if want.endswith(have):
        return Kind.LOST, "the beginning of the chunk is not sent"
    if have and _is_within(have, want):
        return Kind.LOST, "part of the chunk is not sent"
    if have.startswith(want):
        extra = have[len(want) :]
        was_sent = (sent + want).endswith(extra)
        is_due = bool(due) and (due.startswith(extra) or extra.startswith(due))
        if is_due and (not was_sent or _resembles(follows, due[len(extra) :], due)):
            return Kind.EARLY, "this part is due later"
        if was_sent or (len(extra) > 1 and extra in sent + want):
            return Kind.DOUBLED, "this part was sent before"
        if last or extra.strip("\ufffd") in fed:
            return Kind.EARLY, "the reference holds this back, and never shows it"
        if _is_within(due, follows):
            return Kind.EARLY, "the reference never shows this, and nothing is missing for it"
    if have.endswith(want) and sent.endswith(have.removesuffix(want)):
        return Kind.DOUBLED, "the chunk begins with what was sent before"
    return Kind.REPLACED, "the chunk is another text"


def _resembles(text: str, one: str, other: str) -> bool:
    """Whether a text is like the one for longer than it is like the other, or all of the one."""
    return text == one or _common(text, one) > _common(text, other)


def _is_within(text: str, whole: str) -> bool:
    """Whether a text is left of another if some characters are taken out."""
    remaining = iter(whole)
    return all(char in remaining for char in text)


def _text_of(tokens: Sequence[int], vocabulary: Vocabulary) -> str:
    return b"".join(vocabulary.bytes_by_id.get(token, b"") for token in tokens).decode("utf-8", "replace")


def _difference(full: str, shown: str) -> tuple[str, str]:
    """What the first text has between the parts that both begin and end with, and what the second has."""
    start = _common(full, shown)
    end = _common(full[start:][::-1], shown[start:][::-1])
    return full[start : len(full) - end], shown[start : len(shown) - end]


def _made_of(text: str, source: str) -> bool:
    """Whether all of a text is found in another, however many U+FFFD there are: they say nothing about whose it is."""
    return all(part in source for part in text.split("\ufffd"))


def _other_stream(
    program: Program, place: _Place, wanted: dict[int, str], chunk: str, fed: str, vocabulary: Vocabulary
) -> str | None:
    """Whose text a chunk is, if it is that of another stream: in this batch, or of the same uid before."""
    row = place.row
    # What its own tokens say counts as well: text can be sent that the reference never commits.
    own = "".join(wanted[r] for r in place.stream) + fed
    if not chunk.strip().strip("\ufffd") or _made_of(chunk, own):
        return None
    uid = program.uids[row]
    for slot, other in enumerate(place.batch):
        if other != row and wanted[other] == chunk:
            return f"slot {slot}, uid {program.uids[other]}"
    if len(chunk.strip("\ufffd ")) > 1:
        for slot, rows in enumerate(_streams_so_far(program, place.batch)):
            fed_there = _text_of([program.tokens[r] for r in rows], vocabulary)
            if rows[-1] != row and ("".join(wanted[r] for r in rows).endswith(chunk) or fed_there.endswith(chunk)):
                return f"slot {slot}, uid {program.uids[rows[-1]]}"
    new = chunk.removesuffix(wanted[row])
    if _made_of(new, own):
        return None
    earlier = [r for r in wanted if r < place.stream[0] and program.uids[r] == uid][-64:]
    before = "".join(wanted[r] for r in earlier) + _text_of([program.tokens[r] for r in earlier], vocabulary)
    if row == place.stream[0] and _made_of(new, before):
        return f"the stream that uid {uid} had before"
    starts = row == place.stream[0] and not earlier and chunk.endswith(wanted[row])
    is_token = new.encode("utf-8", "surrogatepass") in vocabulary.bytes_by_id.values()
    if starts and len(new.strip("\ufffd ")) > 1 and not is_token:
        return "no stream of this case: perhaps to one that was kept from a case before it"
    for modulus, name in _MODULI.items():
        twins = {u for u in program.uids if u != uid and u % modulus == uid % modulus}
        if twins and new in "".join(wanted[r] for r in wanted if program.uids[r] in twins):
            return f"a uid that is equal to {uid} modulo {name}"
    return None


def _hints(program: Program, place: _Place, kind: Kind, vocabulary: Vocabulary) -> list[str]:
    """What stands out about the message, as the likely cause."""
    row, token, event = place.row, program.tokens[place.row], program.events[place.row]
    hints: list[str] = []
    if token == vocabulary.eos_id:
        hints.append("the token is EOS, and " + ("finished" if event == Event.FINISH else "not finished"))
    elif token in vocabulary.specials:
        hints.append("the token is special")
    if token not in vocabulary.pieces:
        hints.append("the token is outside the vocabulary")
    if event == Event.FINISH and token != vocabulary.eos_id:
        hints.append("the stream finishes here without EOS")
    uid = program.uids[row]
    if row == place.stream[0]:
        previous = [r for r in range(row) if program.uids[r] == uid]
        if previous:
            how = "was aborted" if program.events[previous[-1]] == Event.ABORT else "finished"
            hints.append(f"the uid is used again: its last stream {how}")
    mixed_up = kind in (Kind.CROSSED, Kind.DOUBLED, Kind.REPLACED)
    live = {program.uids[r] for r in place.batch} - {uid} if mixed_up else set()
    for modulus, name in _MODULI.items():
        if any(other % modulus == uid % modulus for other in live):
            hints.append(f"a uid equal modulo {name} is in the batch")
            break
    held = _held(program, place, vocabulary)
    if held > 1:
        hints.append(f"{held} tokens since a whole character ended a token")
    hints.append(f"message {place.stream.index(row)} of its stream, batch of {len(place.batch)}")
    return hints


def _held(program: Program, place: _Place, vocabulary: Vocabulary) -> int:
    held = 0
    for row in reversed(place.stream[: place.stream.index(place.row) + 1]):
        if program.tokens[row] not in vocabulary.partial_set:
            break
        held += 1
    return held


def _ids_note(
    kind: Kind,
    request: TokenizeRequest,
    slot: int,
    wanted: list[list[int]],
    given: list[list[int]],
    at: int,
    size: int,
) -> str:
    want, have = wanted[slot], given[slot]
    if kind == Kind.REORDERED:
        return f"the ids of slot {wanted.index(have)} of the batch of {size}"
    what = "text" if isinstance(request.prompt, str) else "conversation"
    start = request.prompt if isinstance(request.prompt, str) else str(list(request.prompt))
    facts = [f"{what} {visible(start, 60)}", f"{len(have)} ids for {len(want)}, the same up to id {at}"]
    if have in wanted:
        facts.append(f"they are the ids of slot {wanted.index(have)}")
    elif have == want[: len(have)]:
        facts.append("the end is cut off")
    elif have == want[1:]:
        facts.append("the first id is missing")
    elif have == want[:-1]:
        facts.append("the last id is missing")
    elif want == have[: len(want)]:
        facts.append("something is added at the end")
    elif want == have[1:]:
        facts.append("an id is added at the start")
    return "; ".join([*facts, f"batch of {size}"])


def _ids_text(ids: list[int], at: int) -> str:
    start = max(0, at - 3)
    shown = ", ".join(map(str, ids[start : at + 9]))
    return f"[{'… ' if start else ''}{shown}{' …' if len(ids) > at + 9 else ''}]"


def _common(a: Sequence[object], b: Sequence[object]) -> int:
    """How many items two sequences have in common at the start."""
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
