"""The plan as a person reads it: one line per step, a table of phases under each training stage."""

from __future__ import annotations

from fractions import Fraction

from ..compiler.graph.counts import params
from ..compiler.plan import model
from ..compiler.plan.compare import Decision
from ..compiler.plan.cost.flops import shape
from ..compiler.units import digits

SYMBOLS = {"run": "+", "keep": "=", "again": "~"}


def show(plan: model.Plan, decisions: list[Decision], spec: str) -> str:
    """The whole plan; every repeated step says why."""
    wide = max(len(step.address) for step in plan.steps)
    lines = [
        f"lehr compared {spec} with {plan.run} and will do this:",
        "",
        "  + run      = keep      ~ run again",
        "",
    ]
    for decision in decisions:
        step = decision.step
        told = _facts(step, plan)
        lines.append(
            f"  {SYMBOLS[decision.action]}  {step.address.ljust(wide)}  {step.work.kind.ljust(9)}  {told}".rstrip()
        )
        if decision.because:
            lines.append(f"     {'':{wide}}  because {decision.because}")
        if isinstance(step.work, model.TrainWork):
            lines += _train(step.work, step.checkpoint)
    return "\n".join([*lines, "", _last_line(decisions)])


def _last_line(decisions: list[Decision]) -> str:
    count = {action: sum(d.action == action for d in decisions) for action in SYMBOLS}
    if count["keep"] == len(decisions):
        return f"Plan: nothing to do; all {count['keep']} steps are done."
    again = f", {count['again']} to run again" if count["again"] else ""
    return f"Plan: {count['run']} to run{again}, {count['keep']} kept."


def _facts(step: model.Step, plan: model.Plan) -> str:
    match step.work:
        case model.CorpusWork() as work:
            return _source(work.source)
        case model.TokenizerWork() as work:
            sources = ", ".join(sorted(step.inputs.values()))
            return f"byte-level BPE, {digits(work.vocab)} entries, from {sources}"
        case model.InitWork() as work:
            return f"{digits(params(shape(work.arch)))} params"
        case model.TrainWork() as work:
            return f"{digits(work.steps)} steps · {digits(work.tokens)} tokens · from {step.inputs['model']}"
        case model.EvalWork() as work:
            return ", ".join(work.benches)
        case model.ReleaseWork() as work:
            return f"{step.inputs['model']} as {work.format}, in {plan.run}/release/{step.address}"
        case _:
            return ""


def _source(source: model.Source | None) -> str:
    match source:
        case model.Builtin():
            wrong = f", {_percent(source.wrong)} of the answers wrong" if source.wrong else ""
            origin = f" of {source.library.split(' sha256')[0]}" if source.library else ", generated"
            return f"builtin {source.name}{origin}{wrong}"
        case model.Files(pattern=pattern):
            return f"files {pattern}"
        case model.Synthetic(seed=seed):
            return f"synthetic, seed {seed}"
        case None:
            return "no source yet"


def _train(work: model.TrainWork, checkpoint: model.Checkpoint | None) -> list[str]:
    rows = [("steps", "context", "sequences", "tokens", "shares")]
    done = 0
    for phase in work.phases:
        span = f"{digits(done + 1)} – {digits(done + phase.steps)}"
        shares = "  ".join(f"{name} {_share(share)}" for name, share in phase.shares.items())
        rows.append((span, digits(phase.context), digits(phase.sequences), digits(phase.tokens), shares))
        done += phase.steps
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "       " + "  ".join([*(cell.rjust(w) for cell, w in zip(row, wide, strict=False)), row[4]])
        for row in rows
    ]
    lines.append(f"       lr: {_rate(work.lr)}")
    if work.average:
        samples = [s for s in range(work.average.first, work.steps + 1, work.average.every) if s > 0]
        lines.append(
            f"       average of the weights after {len(samples)} steps, from step {digits(samples[0])} on"
        )
    if checkpoint:
        lines.append(f"       saves every {digits(checkpoint.every)} steps and keeps {checkpoint.keep}")
    return lines


def _rate(segments: tuple[model.Segment, ...]) -> str:
    told = [f"{segments[0].first:g}"]
    for before, segment in zip((None, *segments), segments, strict=False):
        if before is not None and before.last != segment.first:
            told.append(f"-> {segment.first:g} at step {digits(segment.start)}")
        if segment.first != segment.last:
            along = "" if segment.via == "linear" else f" along a {segment.via}"
            told.append(f"~> {segment.last:g} by step {digits(segment.end)}{along}")
    return " ".join(told)


def _share(share: model.Share) -> str:
    first, last = _percent(share.first), _percent(share.last)
    return first if first == last else f"{first.removesuffix('%')} ~> {last}"


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):.4g}%"
