"""What the stages of this version cannot do, by name, so that a run refuses it before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.plan import model
from ..errors import Refusal
from ..parts.curate.filter import EXTRAS, LEARNERS, READY
from ..parts.data.kinds import kind_of
from ..parts.huggingface import written
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
        case model.CurateWork(filters=filters):
            yield from (f"`{one.kind}` of a curation" for one in filters if one.kind not in READY)
            if any(one.kind == "safety" and not one.settings["words"] for one in filters):
                yield "`safety` without a list of `words`"
        case model.PromptsWork(source=None):
            yield "prompts without a source"
        case model.PromptsWork(source=model.Builtin(name=("prose" | "code" | "preferences") as name)):
            yield f'prompts out of `builtin("{name}")`'
        case model.CorpusWork(source=model.Builtin(name="preferences")):
            yield 'a corpus out of `builtin("preferences")`'
        case model.PreferencesWork(source=None):
            yield "preferences without a source"
        case model.PreferencesWork(source=model.Builtin(name=name)) if name != "preferences":
            yield f'preferences out of `builtin("{name}")`'
        case model.TrainedWork(open=model.Open()) if work.kind not in ("sft", "reward", "dpo", "rl"):
            yield "a stage whose length only a run can tell"
        case model.PickWork() if "prompts" not in step.inputs:
            yield "a choice of models by a check outside of a `sample`, whose prompts they could answer"
        case model.LabelWork(oracle=None, people=None):
            yield "labels by nobody"
        case model.SampleWork(template=model.Template(text=None, path=path)):
            yield f"the chat template {path}, which was not there when the plan was made"
        case model.SynthesizeWork(template=model.Template(text=None, path=path)):
            yield f"the template {path}, which was not there when the plan was made"
        case model.DistillWork(on_policy=model.OnPolicy() as policy, target=target):
            yield from _unlearnable(policy, target)
        case model.SftWork(lora=model.Lora(), merge_back=model.MergeBack()):
            yield "`merge_back` of low-rank additions"
        case model.RlWork():
            yield from _unrewarding(work)
        case (
            model.ReleaseWork(template=template)
            | model.RewardWork(template=template)
            | model.DpoWork(template=template)
            | model.SftWork(template=template)
        ):
            if template and template.text is None:
                yield f"the chat template {template.path}, which was not there when the plan was made"
        case _:
            pass


def _unlearnable(policy: model.OnPolicy, target: model.Target) -> Iterator[str]:
    """What cannot be learnt of a student's own answers."""
    if isinstance(target, model.Convex):
        yield "`convex` on a student's own answers, which hold no truth"
    if isinstance(target, model.TopK) and policy.divergence != "forward":
        yield f"a `{policy.divergence}` divergence of the top k"


def _unrewarding(work: model.RlWork) -> Iterator[str]:
    """What no advantage can be made of."""
    algorithm = work.algorithm
    each = algorithm.rollouts
    if algorithm.kind != "reinforce" and each < 2:
        yield f"`{algorithm.kind}` of a single answer, which there is nothing to compare with"
    if work.temperature == 0:
        yield "answers at temperature 0, which are all the same"
    batches = [phase.sequences for phase in work.phases] + ([work.open.sequences] if work.open else [])
    for batch in sorted({one for one in batches if one % each}):
        yield f"a batch of {batch} answers, which is no whole number of groups of {each}"


def unreleasable(plan: model.Plan) -> Iterator[Refusal]:
    """Releases for Hugging Face of shapes that no class of transformers computes.

    The shape of a loaded model is not known here where the spec gives none; a class wrote it.
    """
    for step in plan.steps:
        if isinstance(step.work, model.ReleaseWork) and step.work.format == "huggingface":
            arch = _shape(plan, step)
            if arch and any(written.lacking(arch)):
                yield written.no_class(arch, Refusal, step.address)


def _shape(plan: model.Plan, step: model.Step) -> model.Arch | None:
    """The shape of a step's model: the step's own, or that of the model it began with."""
    own = getattr(step.work, "arch", None)
    before = step.inputs.get("model") or step.inputs.get("model:0")
    return own or (_shape(plan, plan.step(before)) if before else None)


def extras_of(step: model.Step) -> Iterator[tuple[str, str, str]]:
    """What a step needs beside `lehr[train]`: which part of it, the package, and the extra that brings it."""
    if isinstance(step.work, model.ClassifierWork):
        kind = step.work.model.kind
        yield f"`{kind}`", *LEARNERS[kind]
    source = getattr(step.work, "source", None)
    if isinstance(source, model.Files) and any(kind_of(file) == "pages" for file in source.files):
        yield "a WARC file", "fastwarc", "web"
    if isinstance(step.work, model.CurateWork):
        phones = any(one.settings.get("phones", "keep") != "keep" for one in step.work.filters)
        yield from [("`phones`", "phonenumbers", "phones")] if phones else ()
        yield from ((f"`{one.kind}`", *EXTRAS[one.kind]) for one in step.work.filters if one.kind in EXTRAS)


def extras(bench: model.Bench) -> Iterator[tuple[str, str]]:
    """Packages that a bench needs beside those of `lehr[train]`, each with the extra that brings it."""
    if isinstance(bench, model.Harness):
        yield "lm_eval", "harness"
