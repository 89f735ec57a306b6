"""What changed, as a person reads it, rendered from the same object as its JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..compiler.diagnostics.github import command
from ..compiler.tools.differ import (
    NEW,
    Change,
    Consequence,
    Difference,
    Subject,
    folded,
    folded_steps,
    gathered,
)
from .amounts import count

_SIGNS = {"added": "+", "removed": "-", "changed": " ", "renamed": " "}
_STEPS, _WIDE, _LINE = 16, 44, 110


def show(found: Difference, everything: bool = False) -> str:
    """Every change, then what becomes of the steps.  Turns that changed alike are one line unless `everything`."""
    if found.is_empty:
        return f"{found.before} and {found.after} say the same.{_left(found)}"
    subjects = list(found.subjects) if everything else folded(found.subjects)
    told = [f"lehr compared {found.before} with {found.after}:", ""]
    for one in subjects:
        told += _subject(one)
    body = "\n".join(told).rstrip()
    return "\n\n".join(part for part in (body, "\n".join(_steps(found, everything))) if part)


def _subject(one: Subject) -> Iterator[str]:
    named = f"{one.was} → {one.address}   renamed" if one.action == "renamed" else one.address
    params = one.kind in ("param", "let") and len(one.changes) == 1
    if params:
        sign = _SIGNS[one.action].strip() or "~"
        yield f"{sign} {one.kind} {one.address}  {_values(one.changes[0])}"
        return
    yield f"{_SIGNS[one.action]} {one.kind} {named}"
    fields = [change.field for change in one.changes]
    wide = max(map(len, fields), default=0)
    values = [_values(change) for change in one.changes]
    column = max((len(value) for value in values if len(value) <= _WIDE), default=0)
    for change, value in zip(one.changes, values, strict=True):
        yield from _row(change, value, wide, column)


def _row(change: Change, value: str, wide: int, column: int) -> Iterator[str]:
    sign = " " if change.follows else "~"
    if change.before is None or change.after is None:
        sign = "+" if change.before is None else "-"
    head = f"{sign}   {change.field.ljust(wide)}  " if wide else f"{sign}   "
    if len(head) + len(value) <= _LINE:
        yield f"{head}{value.ljust(column)}  {_remark(change)}".rstrip()
    else:
        yield head + str(change.before)
        yield f"{' ' * (len(head) - 2)}⇒ {change.after}  {_remark(change)}".rstrip()


def _remark(change: Change) -> str:
    grown = f"{change.grown:+.1%}".replace("%", " %") if change.grown and abs(change.grown) >= 5e-4 else ""
    return "   ".join(part for part in (grown, "follows" if change.follows else "") if part)


def _values(change: Change) -> str:
    """Both values; a timeline has arrows of its own."""
    if change.before is None or change.after is None:
        return change.after or change.before or ""
    arrow = "⇒" if any(sign in change.before + change.after for sign in ("->", "~>")) else "→"
    return f"{change.before} {arrow} {change.after}"


# ---- what becomes of the steps ---------------------------------------------------------------


def _steps(found: Difference, everything: bool) -> Iterator[str]:
    """The steps whose results are others, and why; then how many run again, are kept, never ran."""
    others = [one for one in found.steps if one.another or one.fate == "again"]
    rows = [[one] for one in others] if everything else folded_steps(others)
    shown = rows if everything else rows[:_STEPS]
    names = [_called(row) for row in shown]
    wide = max(map(len, names), default=0)
    for name, row in zip(names, shown, strict=True):
        yield f"{_fate(row[0], name.ljust(wide))}"
    if len(rows) > len(shown):
        yield f"  … {count(sum(map(len, rows[len(shown) :])), 'step')} more; --all lists them"
    yield _last(found)


def _called(row: list[Consequence]) -> str:
    names = gathered([one.address for one in row])
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def _fate(one: Consequence, name: str) -> str:
    match one.fate:
        case "orphan":
            return f"- {name}  is left over"
        case "again":
            return f"~ {name}  would run again because {one.because}"
        case "run" if one.because == NEW:
            return f"+ {name}  is new"
        case "run":
            return f"~ {name}  comes to another result because {one.because.replace('runs again', 'does')}"
        case _:
            return f"= {name}  is there already, of another run"


def _last(found: Difference) -> str:
    if not found.steps:
        return ""
    number = Counter(one.fate for one in found.steps)
    others = sum(one.another for one in found.steps if one.fate != "orphan")
    if not number["again"] + number["keep"]:
        same = number["run"] - others
        return f"  {count(others, 'step')} would come to another result, {same} to the same; none has run"
    again, kept, due = number["again"], number["keep"], number["run"]
    return f"  {count(again, 'step')} would run again, {kept} kept, {due} not yet run"


def _left(found: Difference) -> str:
    again = sum(one.fate == "again" for one in found.steps)
    return f" {count(again, 'step')} would run again all the same; `lehr plan` says why." if again else ""


# ---- for GitHub ----------------------------------------------------------------------------


def as_github(found: list[Difference]) -> str:
    """A notice beside the line of every block that changed."""
    return "".join(
        command("notice", _title(one), _told(one), file=one.origin.path, line=one.origin.line) + "\n"
        for difference in found
        for one in folded(difference.subjects)
        if one.origin and not one.follows and one.action != "removed"
    )


def _title(one: Subject) -> str:
    return f"{one.kind} {one.address}: {one.action}"


def _told(one: Subject) -> str:
    rows = [f"{change.field} {_values(change)}  {_remark(change)}".strip() for change in one.changes]
    return "\n".join(rows) or (f"it was called {one.was}" if one.was else one.action)
