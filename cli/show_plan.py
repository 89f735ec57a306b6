"""The plan as a person reads it, rendered from the same object as its JSON: one line per step, with reasons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from ..compiler.plan.model import Plan, TrainedWork
from ..compiler.plan.outlook import Corpus, Line, Outlook, Reader
from ..compiler.units import digits
from .amounts import amount, bytes_of, count, duration

SYMBOLS = {"run": "+", "keep": "=", "again": "~", "orphan": "-"}
_TURN = re.compile(r"^([A-Za-z_][\w.]*)\[(\d+)\]\.")
_CHANGES, _KINDS = 4, 11


def show(found: Outlook, everything: bool = False, beside: str = "") -> str:
    """The whole plan; what runs again says why.  Later turns of a loop are folded unless `everything` is asked for."""
    folded: dict[str, list[Line]] = {}
    lines = [line for line in found.steps if everything or not _is_folded(line, folded)]
    wide = max((len(line.address) for line in lines), default=0)
    told = [
        f"lehr compared {found.spec} with {found.run} and will do this:",
        "",
        "  + run      = keep      ~ run again      - orphan",
        "",
    ]
    columns = (max(map(len, map(_flops, lines)), default=0), max(map(len, map(_time, lines)), default=0))
    for line in lines:
        told += _step(line, wide, columns)
    told += [f"     … {_more(loop, hidden)}" for loop, hidden in folded.items()]
    sections = [_gates(found), _data(found, everything), _cost(found)]
    body = ["\n".join(told), beside, "\n".join(row for rows in sections for row in rows), _last(found)]
    return "\n\n".join(part for part in body if part)


# ---- steps -------------------------------------------------------------------------


def _is_folded(line: Line, folded: dict[str, list[Line]]) -> bool:
    """Whether a step is of a later turn of an outermost loop, and nothing to look at."""
    turn = _TURN.match(line.address)
    if turn is None or turn[2] == "1" or line.because or line.note or line.fault or line.action == "orphan":
        return False
    folded.setdefault(turn[1], []).append(line)
    return True


def _more(loop: str, hidden: list[Line]) -> str:
    turns = sorted({int(found[2]) for line in hidden if (found := _TURN.match(line.address))})
    span = f"{loop}[{turns[0]}]" if len(turns) == 1 else f"{loop}[{turns[0]}..{turns[-1]}]"
    return f"{len(hidden)} more in {span}; --all lists them"


def _step(line: Line, wide: int, columns: tuple[int, int]) -> Iterator[str]:
    facts, flops, time = _facts(line), _flops(line), _time(line)
    costs = f"  {flops.rjust(columns[0])}  {time.rjust(columns[1])}" if columns[0] else ""
    head = f"  {SYMBOLS[line.action]}  {line.address.ljust(wide)}  {line.kind.ljust(_KINDS)}{costs}  {facts}"
    yield head.rstrip()
    margin = f"     {'':{wide}}  "
    for change in line.changes[:_CHANGES]:
        yield f"{margin}~ {change.field}: {change.before or 'none'} → {change.after or 'none'}"
    if len(line.changes) > _CHANGES:
        yield f"{margin}~ and {len(line.changes) - _CHANGES} fields more"
    told = [f"because {line.because}" if line.because else "", line.note]
    told += [f"does not fit: {line.fault}" if line.fault else "", _laid(line)]
    yield from (margin + one for one in told if one)
    if line.action != "orphan":
        yield from (f"       {row}".rstrip() for row in _course(line))


def _facts(line: Line) -> str:
    told = [f"(known after {line.waits})" if line.waits else ""]
    if line.steps is not None and line.tokens is not None:
        told.append(f"{count(line.steps, 'step')} · {amount(line.tokens)} tokens")
    elif line.params and line.kind in ("init", "load", "upcycle"):
        told.append(f"{digits(line.params)} params")
    told.append(line.summary)
    told.append(f"{line.side_by_side} side by side" if line.side_by_side > 1 and line.steps else "")
    return " · ".join(one for one in told if one)


def _flops(line: Line) -> str:
    return f"{line.flops:.2e}" if line.flops else ""


def _time(line: Line) -> str:
    return duration(line.seconds) if line.seconds is not None else ""


def _laid(line: Line) -> str:
    if not line.layout or line.memory is None:
        return ""
    again = ", layers computed twice" if line.memory.recompute else ""
    return f"{line.layout} · {line.memory.total / 1e9:.1f} GB a device{again}"


def _course(line: Line) -> Iterator[str]:
    """A stage's phases, learning rate, average and checkpoints."""
    if not line.phases or _TURN.match(line.address):
        return
    shares = "shares" if any(one.shares for one in line.phases) else ""
    rows, done = [("steps", "context", "sequences", "tokens", shares)], 0
    for one in line.phases:
        span = f"{digits(done + 1)} – {digits(done + one.steps)}"
        shares = "  ".join(f"{name} {share}" for name, share in one.shares.items())
        rows.append((span, digits(one.context), digits(one.sequences), amount(one.tokens), shares))
        done += one.steps
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, wide, strict=False)]
        yield "  ".join([*cells, row[4]]).rstrip()
    yield f"lr: {line.lr}"
    if line.averaged:
        first = digits(line.averaged[0])
        yield f"average of the weights after {count(len(line.averaged), 'step')}, from step {first} on"
    if line.saves:
        yield f"saves {line.saves}"


# ---- below the steps ------------------------------------------------------------------


def _gates(found: Outlook) -> Iterator[str]:
    head = "Gates    "
    for gate in found.gates[:4]:
        yield f"{head}{gate}"
        head = " " * 9
    if len(found.gates) > 4:
        yield f"{head}and {len(found.gates) - 4} more"


def _data(found: Outlook, everything: bool) -> Iterator[str]:
    """The ledger of tokens by corpus; of `everything`, by stage too."""
    head = "Data     "
    names = [one.corpus for one in found.data]
    names += [f"  {reader.stage}" for one in found.data for reader in one.readers] if everything else []
    wide = max(map(len, names), default=0)
    for one in found.data:
        yield f"{head}{one.corpus.ljust(wide)}  {_drawn(one)}"
        head = " " * 9
        if everything and len(one.readers) > 1:
            yield from (
                f"{head}{f'  {reader.stage}'.ljust(wide)}  {_of_stage(reader)}" for reader in one.readers
            )


def _drawn(one: Corpus) -> str:
    told = f"{amount(one.planned):>7} tokens"
    if one.passes is not None and one.size:
        told += f"  {one.passes:5.2f} passes over {amount(one.size)}"
        if one.documents:
            told += f", {amount(one.planned * one.documents / one.size)} documents"
    if one.drawn is not None:
        ran = [reader for reader in one.readers if reader.drawn is not None]
        planned = sum((reader.planned for reader in ran), Fraction(0))
        told += f"; {amount(one.drawn)} drawn of {amount(planned)} planned so far"
        odd = [f"`{reader.stage}`" for reader in ran if not reader.reconciled]
        told += f", more or less than whole sequences explain: {', '.join(odd)}" if odd else ", reconciled"
    return told


def _of_stage(one: Reader) -> str:
    told = f"{amount(one.planned):>7} tokens"
    if one.passes is not None:
        told += f"  {one.passes:5.2f} passes"
    if one.documents is not None:
        told += f", {amount(round(one.documents))} documents"
    return told + (f"; {amount(one.drawn)} drawn" if one.drawn is not None else "")


def _cost(found: Outlook) -> Iterator[str]:
    total = found.total
    if total.flops:
        told = [f"{total.flops:.2e} flops"]
        if found.cluster and total.seconds is not None and total.device_hours is not None:
            told += [
                f"{duration(total.seconds)} on {found.cluster}",
                f"{amount(total.device_hours)} device-hours",
            ]
        if total.price is not None:
            told.append(f"{amount(total.price)} {total.currency}")
        yield "Cost     " + " · ".join(told)
    if total.artifact_bytes:
        saved = f", and {bytes_of(total.checkpoint_bytes)} of checkpoints" if total.checkpoint_bytes else ""
        yield f"Disk     {bytes_of(total.artifact_bytes)} of models{saved}"
    if total.unknown:
        yield f"         without {count(len(total.unknown), 'step')} that only a run can tell"


def _last(found: Outlook) -> str:
    number = {action: sum(line.action == action for line in found.steps) for action in SYMBOLS}
    if not found.steps:
        return "Plan: no step is selected."
    if number["run"] + number["again"] == 0:
        return f"Plan: nothing to do; all {number['keep']} steps are done."
    again = f", {number['again']} to run again" if number["again"] else ""
    orphans = f", {number['orphan']} no longer in the spec" if number["orphan"] else ""
    return f"Plan: {number['run']} to run{again}, {number['keep']} kept{orphans}."


# ---- full scale and profile -------------------------------------------------------------


def beside(full: Plan, scaled: Plan) -> str:
    """Steps, tokens and phases of every stage that trains, at full scale and under the profile."""
    rows = [("", "full", scaled.profile)]
    known = {step.address: step.work for step in full.steps}
    for step in scaled.steps:
        small, large = step.work, known.get(step.address)
        if not isinstance(small, TrainedWork) or ((turn := _TURN.match(step.address)) and turn[2] != "1"):
            continue
        large = large if isinstance(large, TrainedWork) else None
        rows.append((step.address, _length(large), _length(small)))
        for place in range(max(len(small.phases), len(large.phases) if large else 0)):
            pair = _phase(large, place), _phase(small, place)
            rows += [("", *pair)] if any(pair) else []
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"  {row[0].ljust(wide[0])}  {row[1].rjust(wide[1])}  {row[2].rjust(wide[2])}".rstrip()
        for row in rows
    )


def _length(work: TrainedWork | None) -> str:
    if work is None:
        return "—"
    if work.open:
        return f"(known after {work.open.of})"
    return f"{amount(work.tokens)} tokens  {count(work.steps, 'step')}"


def _phase(work: TrainedWork | None, place: int) -> str:
    if work is None or place >= len(work.phases) or len(work.phases) == 1:
        return ""
    one = work.phases[place]
    return f"{digits(one.sequences)} × {digits(one.context)} · {digits(one.steps)}"
