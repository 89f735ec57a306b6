"""A step's work in a few words, and a learning rate and shares as a spec writes them."""

from __future__ import annotations

from fractions import Fraction

from ..units import digits
from . import model


def summary(step: model.Step, plan: model.Plan) -> str:
    """What a step does, beside its counts and costs; empty where its kind and inputs say it all."""
    match step.work:
        case (
            model.CorpusWork(source=source)
            | model.PromptsWork(source=source)
            | model.PreferencesWork(source=source)
        ):
            return _source(source)
        case model.TokenizerWork() as work if work.file:
            return f"{work.file.path}, {digits(work.vocab)} entries"
        case model.TokenizerWork() as work:
            return f"byte-level BPE, {digits(work.vocab)} entries, from {', '.join(sorted(step.inputs.values()))}"
        case model.CurateWork(filters=filters):
            return ", ".join(one.kind for one in filters)
        case model.SampleWork():
            return _sample(step, step.work)
        case model.PickWork(count=count):
            return f"the best {count} of {', '.join(_models(step))}"
        case model.MergeWork(method=method):
            return f"{method} of {', '.join(_models(step))}"
        case model.EvalWork(benches=benches):
            return ", ".join(benches)
        case model.ReleaseWork(format=form):
            return f"{step.inputs['model']} as {form}, in {plan.run}/release/{step.address}"
        case model.TrainedWork():
            return f"from {step.inputs['model']}"
        case _:
            return ""


def _models(step: model.Step) -> list[str]:
    return [name for role, name in step.inputs.items() if role.startswith("model")]


def _source(source: model.Source | None) -> str:
    match source:
        case model.Builtin():
            wrong = f", {percent(source.wrong)} of the answers wrong" if source.wrong else ""
            origin = f" of {source.library.split(' sha256')[0]}" if source.library else ", generated"
            return f"builtin {source.name}{origin}{wrong}"
        case model.Instructions(wrong=share):
            wrong = f", {percent(share)} of the answers wrong" if share else ""
            return f"builtin instructions, generated{wrong}"
        case model.Files(pattern=pattern):
            return f"files {pattern}"
        case model.Synthetic(seed=seed):
            return f"synthetic, seed {seed}"
        case None:
            return "no source yet"


def _sample(step: model.Step, work: model.SampleWork) -> str:
    low, high = work.per_prompt
    each = f"{low}..{high}" if low != high else str(low)
    kept = {"all": "all kept", "extremes": "best and worst kept", "best": f"best {work.count} kept"}
    share = f"best {percent(work.share)} kept" if work.share is not None else ""
    return f"{', '.join(_models(step))} · {each} to each of {step.inputs['prompts']}, {kept.get(work.keep, share)}"


def rate(segments: tuple[model.Segment, ...]) -> str:
    """`0 ~> 0.003 by step 60 ~> 0.001 by step 1 465 along a cosine`."""
    told = [f"{segments[0].first:g}"] if segments else []
    for before, segment in zip((None, *segments), segments, strict=False):
        if before is not None and before.last != segment.first:
            told.append(f"-> {segment.first:g} at step {digits(segment.start)}")
        if segment.first != segment.last:
            along = "" if segment.via == "linear" else f" along a {segment.via}"
            told.append(f"~> {segment.last:g} by step {digits(segment.end)}{along}")
    return " ".join(told)


def share(of: model.Share) -> str:
    """`60%`, or `60 ~> 20%` where it moves."""
    first, last = percent(of.first), percent(of.last)
    return first if first == last else f"{first.removesuffix('%')} ~> {last}"


def percent(part: Fraction) -> str:
    return f"{float(part * 100):.4g}%"


def samples(work: model.TrainedWork) -> list[int]:
    """The steps after which weights are taken into the average."""
    if work.average is None:
        return []
    return [step for step in range(work.average.first, work.steps + 1, work.average.every) if step > 0]
