"""The letters that elaboration writes, and the names of their codes."""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from ..diagnostics.nearest import nearest
from ..text import Span
from ..units import Misfit

CODES = {
    "NAM101": "unknown-name",
    "NAM102": "unknown-field",
    "NAM103": "unknown-block-kind",
    "NAM104": "duplicate-name",
    "NAM105": "import-cycle",
    "NAM106": "import-not-found",
    "NAM107": "wrong-kind-of-thing",
    "NAM108": "not-in-this-version",
    "NAM109": "missing-field",
    "NAM110": "misplaced-statement",
    "NAM111": "path-outside",
    "NAM112": "no-such-turn",
    "NAM113": "known-only-after-a-run",
    "UNI101": "missing-unit",
    "UNI102": "unknown-unit",
    "UNI103": "mixed-kinds",
    "UNI104": "negative-quantity",
    "UNI105": "not-whole",
    "UNI106": "division-by-zero",
    "UNI107": "out-of-range",
    "UNI108": "two-currencies",
    "DAT102": "mix-not-whole",
    "DAT107": "curved-share",
    "SCH101": "ragged-batch",
    "SCH102": "backward-timeline",
    "SCH103": "point-beyond-end",
    "SCH106": "exponential-through-zero",
    "SCH107": "no-context",
    "SCH108": "glide-where-only-jumps",
    "SCH109": "not-one-length",
    "SCH110": "no-steps",
    "SCH112": "epochs-of-unknown-size",
    "SCH203": "unreached-target",
    "SCH211": "vanished-phase",
    "SHP101": "heads-do-not-divide",
    "SHP107": "weights-not-whole",
    "SHP108": "odd-head",
    "SHP109": "vocab-below-bytes",
    "SHP110": "missing-special",
    "SHP111": "not-one-origin",
    "SHP105": "experts-below-active",
    "LIN101": "cycle",
    "LIN104": "reference-inside-loop",
    "LIN105": "carry-without-next",
    "LIN107": "no-pipeline",
    "LIN108": "unrolls-too-far",
    "LIN109": "waits-too-deep",
    "CLM101": "false-claim",
    "CLM102": "claim-of-two-kinds",
    "CLM103": "gate-never-measured",
    "CLM104": "score-of-nobody",
    "CLM105": "claim-without-comparison",
    "PRF101": "unknown-target",
    "PRF102": "batch-below-context",
    "PRF103": "scale-unknown-kind",
    "PRF104": "scaled-to-a-fraction",
    "PRF105": "no-such-profile",
    "PRF301": "bent-claim",
    "PRF302": "claim-not-asked",
}


def letter(
    code: str,
    headline: str,
    span: Span,
    label: str = "",
    *,
    also: Iterable[Label] = (),
    notes: tuple[str, ...] = (),
    help: tuple[str, ...] = (),
    fix: Fix | None = None,
    stage: str | None = None,
) -> Diagnostic:
    """A diagnostic whose name follows from its code."""
    return Diagnostic(
        code, CODES[code], headline, (Label(span, label), *also), notes=notes, help=help, fix=fix, stage=stage
    )


def unknown(code: str, headline: str, span: Span, label: str, choices: Iterable[str]) -> Diagnostic:
    """A name that is not there, with the names that are close; a single close one is a safe fix."""
    close = nearest(span.text, list(choices))
    if not close:
        return letter(code, headline, span, label)
    fix = Fix(f"change it to `{close[0]}`", (Edit(span, close[0]),)) if len(close) == 1 else None
    notes = ("close to it: " + ", ".join(f"`{name}`" for name in close),) if len(close) > 1 else ()
    help = (f"did you mean `{close[0]}`?",)
    return letter(code, headline, span, label, notes=notes, help=help, fix=fix)


def misfit(found: Misfit, span: Span, field: str = "") -> Diagnostic:
    """A quantity that does not fit, with what to type instead where that is plain."""
    where = f" in `{field}`" if field else ""
    help = ("write " + " or ".join(f"`{text}`" for text in found.instead),) if found.instead else ()
    return letter(found.code, found.why + where, span, help=help)
