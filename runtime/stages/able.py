"""What the stages of this version cannot do, by name, so that a run refuses it before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.plan import model
from .editions import EDITIONS


def lacking(step: model.Step) -> Iterator[str]:
    """What a step asks for that no stage of this version does."""
    work = step.work
    if work.kind not in EDITIONS:
        yield f"`{work.kind}`"
        return
    match work:
        case model.CorpusWork(source=None):
            yield "a corpus without a source"
        case model.TrainWork():
            if work.open:
                yield "a stage whose length only a run can tell"
        case model.EvalWork(benches=benches):
            yield from (what for bench in benches.values() for what in unmeasured(bench))
        case model.ReleaseWork():
            if work.format != "safetensors":
                yield f"the format `{work.format}`"
            if work.template:
                yield "a chat template"
        case _:
            pass


def unmeasured(bench: model.Bench) -> Iterator[str]:
    """What a bench asks for that no suite of this version does."""
    if isinstance(bench, model.Preference) and bench.file is None:
        yield "preferences that are not in a file"


def extras(bench: model.Bench) -> Iterator[tuple[str, str]]:
    """Packages that a bench needs beside those of `lehr[train]`, each with the extra that brings it."""
    if isinstance(bench, model.Harness):
        yield "lm_eval", "harness"


def _unlike_default(of: model.Frozen) -> Iterator[str]:
    for name, info in type(of).model_fields.items():
        if not info.is_required() and getattr(of, name) != info.default:
            yield name
