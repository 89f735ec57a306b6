"""What can be wrong with a stage's timelines, as letters.  `phases` finds it."""

from __future__ import annotations

from fractions import Fraction

from ..diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from ..text import Span
from ..units import Quantity, digits
from .blocks.trained import Trained
from .letters import letter
from .tracks import Scaling, Track
from .values import Leg


def fraction(stage: Trained, track: Track, scaling: Scaling) -> Diagnostic:
    headline = f"`{track.field}` of `{stage.address}` becomes a fraction: {digits(track.value.value)} tokens"
    also = tuple(Label(span, "scaled here") for span in (scaling.lines.get(track.field),) if span)
    return letter("PRF104", headline, track.span, also=also, stage=stage.address)


def _too_small(
    stage: Trained, batch: Track, at_context: Track, step_tokens: Fraction, scaling: Scaling
) -> Diagnostic:
    """Under a profile, a batch that no longer holds one sequence."""
    context = int(at_context.value.value)
    said = {"batch": f"{digits(step_tokens)} tokens", "context": f"{digits(context)} tokens"}
    also = [Label(at_context.span, said["context"])]
    also += [Label(line, f"scales the {kind}") for kind, line in scaling.lines.items() if kind in said]
    factor = scaling.factor("batch") / scaling.factor("context")
    return letter(
        "PRF102",
        f"a batch of `{stage.address}` cannot hold one sequence",
        batch.span,
        said["batch"],
        also=also,
        notes=(f"the batch shrinks {digits(1 / factor)} times as much as the context",),
        help=("let the context shrink as much as the batch",),
        stage=stage.address,
    )


def ragged(
    stage: Trained, batch: Track, at_context: Track, step_tokens: Fraction, scaling: Scaling
) -> Diagnostic:
    context = int(at_context.value.value)
    if step_tokens < context and scaling.is_scaled:
        return _too_small(stage, batch, at_context, step_tokens, scaling)
    sequences = step_tokens / context
    meant, fix = _meant(step_tokens, context, batch.span), None
    if meant:
        fix = Fix(f"write `{meant}`", (Edit(batch.span, meant),))
    return letter(
        "SCH101",
        f"a batch of {digits(step_tokens)} tokens is not a whole number of {digits(context)}-token sequences",
        batch.span,
        f"{digits(step_tokens)} tokens",
        also=(Label(at_context.span, f"each sequence is {digits(context)} tokens"),),
        notes=(f"{digits(step_tokens)} / {digits(context)} = {float(sequences):.2f} sequences",),
        help=(f"write `{meant}`",) if meant else (f"write `{round(sequences) or 1} sequences`",),
        fix=fix,
        stage=stage.address,
    )


def backward(stage: Trained, track: Track) -> Diagnostic:
    name, point = stage.address, track.legs[0].point_span
    said = "before the point that precedes it"
    return letter("SCH102", f"`{track.field}` of `{name}` goes back in time", point, said, stage=name)


def vanished(stage: Trained, track: Track, steps: int) -> Diagnostic:
    name, point = stage.address, track.legs[0].point_span
    headline = f"`{track.field}` of `{name}` changes so late that no step is left for it"
    notes = (f"`{name}` has {digits(steps)} steps, and the point falls on the last one's end",)
    return letter("SCH211", headline, point, notes=notes, stage=name)


def beyond(stage: Trained, track: Track, length: Quantity) -> Diagnostic:
    name, unit = stage.address, length.dims[0][0]
    return letter(
        "SCH103",
        f"`{track.field}` of `{name}` would change after the stage has ended",
        track.legs[0].point_span,
        also=(Label(stage.span(unit if unit != "examples" else "epochs"), "the stage's length"),),
        notes=(f"the stage ends after {digits(length.value)} {unit}",),
        stage=name,
    )


def glides(stage: Trained, field: str, leg: Leg) -> Diagnostic:
    return letter(
        "SCH108",
        f"`{field}` changes in jumps, not along a curve",
        leg.span,
        help=("write `-> value at point`",),
        stage=stage.address,
    )


def _meant(step_tokens: Fraction, context: int, span: Span) -> str:
    """`4M` was meant as `4Mi` when that makes whole sequences."""
    for power, (decimal, binary) in enumerate((("k", "Ki"), ("M", "Mi"), ("B", "Gi")), start=1):
        if span.text.endswith(decimal) and step_tokens * Fraction(1024, 1000) ** power % context == 0:
            return span.text.removesuffix(decimal) + binary
    return ""
