"""Stages that train: their course on whole steps, and what each kind needs beside it."""

from __future__ import annotations

from typing import Any

from ...graph.blocks import calls
from ...graph.blocks.arch import Arch
from ...graph.blocks.distill import Distill
from ...graph.blocks.dpo import Dpo
from ...graph.blocks.optimizer import Optimizer, Settings
from ...graph.blocks.prune import Prune
from ...graph.blocks.reward import Reward
from ...graph.blocks.rl import Rl
from ...graph.blocks.sft import Sft
from ...graph.blocks.train import Train
from ...graph.blocks.trained import MergeBack, Trained
from ...graph.lineage import parent, ref_of
from ...graph.phases import Course
from ...graph.values import Ref
from ...units import STEPS, TOKENS
from .. import model
from . import course as laid
from .data import dataset, judge, one_model, template, tokenizer, tokens
from .drafts import Drafts
from .models import arch

_THEIRS = "tokenizer:teacher"
"""The role of what a teacher reads with; it must be what its student reads with."""


def trained(drafts: Drafts, block: Trained) -> None:
    """The step of a stage that trains."""
    inputs = {"model": one_model(drafts, block.origin), "tokenizer": tokenizer(drafts, block.origin)}
    match block:
        case Train():
            del inputs["tokenizer"]
            _add(drafts, block, model.TrainWork, inputs, z_loss=float(block.z_loss), packing=block.packing)
        case Distill():
            _distill(drafts, block, inputs)
        case Prune():
            shape = arch(drafts.block(block.to.address, Arch))
            del inputs["tokenizer"]
            _add(drafts, block, model.PruneWork, inputs, arch=shape, method=block.method, axes=block.axes)
        case Sft():
            _sft(drafts, block, inputs)
        case Reward(grading=grading):
            told: dict[str, Any] = {"loss": block.loss, "margin": block.margin, "levels": block.levels}
            told["template"] = template(drafts, block.template)
            weight = float(grading.weight) if grading else None
            _add(drafts, block, model.RewardWork, inputs, **told, grading=weight)
        case Dpo():
            _dpo(drafts, block, inputs)
        case Rl():
            _rl(drafts, block, inputs)
        case _:
            raise TypeError(f"{block.kind} does not train")


def _add(
    drafts: Drafts, block: Trained, kind: type[model.TrainedWork], inputs: dict[str, str], **own: Any
) -> None:
    """Draft a stage of a kind, with its own fields beside what all share."""
    inputs |= _read(drafts, block)
    if block.merge_back:
        inputs |= _merged_back(drafts, block.merge_back)
    work: Any = kind(**_shared(drafts, block, inputs), **own)
    course = drafts.graph.derived.course(block)
    moves = laid.moves(course) if course else ()
    drafts.add(block.address, block, work, inputs, _checkpoint(drafts, block), moves=moves)


def _checkpoint(drafts: Drafts, block: Trained) -> model.Checkpoint | None:
    course, saves = drafts.graph.derived.course(block), block.checkpoint
    if course is None and saves and saves.every.dims == STEPS:
        return model.Checkpoint(every=int(saves.every.value), keep=saves.keep)
    every = course.interval(saves.every) if course and saves else 0
    return model.Checkpoint(every=every, keep=saves.keep) if every and saves else None


def _shared(drafts: Drafts, block: Trained, inputs: dict[str, str]) -> dict[str, Any]:
    graph = drafts.graph
    course = graph.derived.course(block)
    told: dict[str, Any] = {
        "optimizer": _optimizer(drafts, block.optimizer),
        "compute": block.compute,
        "merge_back": _merge_back(block.merge_back) if block.merge_back else None,
        "rng": drafts.rng(block.rng),
        "earlier": sum(isinstance(one, Trained) for one in graph.derived.lineage.of(block.origin)),
    }
    if isinstance(course, Course):
        told |= {"phases": laid.phases(course, graph, block), "lr": laid.lr(block, course, graph)}
        return {**told, "average": laid.average(block.average, course)}
    told |= {"phases": (), "lr": (), "average": None}  # `open` has what is known of them
    return {**told, "open": laid.open_course(block, graph, inputs)}


def _read(drafts: Drafts, block: Trained) -> dict[str, str]:
    """Data by role: `tokens:web` where running text is read, `data:answers` where examples are."""
    found: dict[str, str] = {}
    course = drafts.graph.derived.course(block)
    for data in laid.read(block, course, drafts.graph):
        if isinstance(block, Train | Prune | Distill) and isinstance(data, Ref):
            found[f"tokens:{data.address}"] = tokens(drafts, data, block.origin)
        else:
            made = dataset(drafts, data)
            found[f"data:{made}"] = made
    return found


def _merged_back(drafts: Drafts, back: MergeBack) -> dict[str, str]:
    """The two models whose difference is merged; one that began as nothing differs by nothing."""
    ref = ref_of(back.reference)
    began = parent(drafts.graph.blocks.get(ref.address)) if ref else None
    base = back.base or began or back.reference
    return {"merge_back": one_model(drafts, back.reference), "merge_base": one_model(drafts, base)}


def _merge_back(back: MergeBack) -> model.MergeBack:
    return model.MergeBack(
        rate=float(back.rate),
        method=back.method,  # pyright: ignore[reportArgumentType]
        reserve=float(back.reserve),
        every=back.every,
    )


def _distill(drafts: Drafts, block: Distill, inputs: dict[str, str]) -> None:
    target, own = _target(block.target), block.data
    if isinstance(own, calls.OnPolicy):
        inputs |= {"prompts": dataset(drafts, own.prompts)}
        policy = model.OnPolicy(
            divergence=own.divergence,  # pyright: ignore[reportArgumentType]
            beta=float(own.beta),
            max_new=own.max_new,
            temperature=float(own.temperature),
        )
    else:
        policy = None
    imitated = {"teacher": one_model(drafts, block.teacher), _THEIRS: tokenizer(drafts, block.teacher)}
    if block.cache and not policy:
        inputs = {
            "model": inputs["model"],
            "targets": _targets(drafts, block, imitated | {"tokenizer": inputs["tokenizer"]}),
        }
    else:
        inputs |= imitated
    _add(drafts, block, model.DistillWork, inputs, target=target, on_policy=policy)


def _targets(drafts: Drafts, block: Distill, inputs: dict[str, str]) -> str:
    """The step that writes a teacher's targets for what a student will read; every state of it is a part, and kept."""
    inputs = {**inputs, **_read(drafts, block)}
    told = _shared(drafts, block, inputs)
    shared = {name: told[name] for name in ("phases", "compute", "rng", "earlier")}
    work = model.TargetsWork(target=_target(block.target), **shared)
    saved = _checkpoint(drafts, block)
    if saved:
        saved = model.Checkpoint(every=saved.every, keep=work.steps)
    return drafts.add(f"targets({block.address})", block, work, inputs, saved)


def _target(of: Any) -> model.Target:
    match of:
        case calls.Convex(label=label, teacher_top1=top1):
            return model.Convex(label=label, teacher_top1=top1)
        case calls.TopK(k=k, temperature=temperature):
            return model.TopK(k=k, temperature=float(temperature))
        case _:
            return model.Distribution(temperature=float(of.temperature))


def _sft(drafts: Drafts, block: Sft, inputs: dict[str, str]) -> None:
    if block.teacher is not None and block.target is not None:
        theirs = {"teacher": one_model(drafts, block.teacher), _THEIRS: tokenizer(drafts, block.teacher)}
        inputs |= theirs
    lora = block.lora
    _add(
        drafts,
        block,
        model.SftWork,
        inputs,
        by="tokens" if block.batch.start.dims == TOKENS else "examples",
        template=template(drafts, block.template),
        dropout=float(block.dropout),
        lora=model.Lora(
            rank=lora.rank,
            alpha=float(lora.rank if lora.alpha is None else lora.alpha),
            targets=lora.targets,  # pyright: ignore[reportArgumentType]
        )
        if lora
        else None,
        target=_target(block.target) if block.target else None,
    )


def _dpo(drafts: Drafts, block: Dpo, inputs: dict[str, str]) -> None:
    inputs |= {"reference": one_model(drafts, block.reference)}
    if (theirs := tokenizer(drafts, block.reference)) != inputs["tokenizer"]:
        inputs["tokenizer:reference"] = theirs
    _add(
        drafts,
        block,
        model.DpoWork,
        inputs,
        loss=block.loss,
        beta=float(block.beta),
        length=block.length,
        nll=float(block.nll),
        mask=block.mask,
        template=template(drafts, block.template),
    )


def _rl(drafts: Drafts, block: Rl, inputs: dict[str, str]) -> None:
    judged, asked = judge(drafts, block.judge)
    inputs |= {"prompts": dataset(drafts, block.prompts), **asked}
    if not isinstance(block.reference, calls.Ema):
        inputs |= {"reference": one_model(drafts, block.reference)}
        if (theirs := tokenizer(drafts, block.reference)) != inputs["tokenizer"]:
            inputs["tokenizer:reference"] = theirs
    made = block.algorithm
    algorithm = model.Algorithm(
        kind=type(made).__name__.lower(),  # pyright: ignore[reportArgumentType]
        rollouts=getattr(made, "rollouts", 1),
        inner=getattr(made, "inner", 1),
        clip=float(made.clip) if isinstance(made, calls.Grpo) else None,
        gamma=float(made.gamma) if isinstance(made, calls.Mdloo) else 0.0,
    )
    _add(
        drafts,
        block,
        model.RlWork,
        inputs,
        algorithm=algorithm,
        judge=judged,
        ema=float(block.reference.rate) if isinstance(block.reference, calls.Ema) else None,
        kl=float(block.kl),
        temperature=float(block.temperature),
        max_new=block.max_new,
        length_penalty=float(block.length_penalty),
        cut_penalty=float(block.cut_penalty),
        template=template(drafts, block.template),
    )


def _optimizer(drafts: Drafts, wanted: Ref | Settings | None) -> model.Optimizer:
    given = drafts.block(wanted.address, Optimizer) if isinstance(wanted, Ref) else wanted

    def told(name: str) -> Any:
        return getattr(given, name) if given else Settings.attributes[name].default

    is_adamw = told("algorithm") == "adamw"
    first, second = told("betas")
    eps, clip, skip = told("eps"), told("clip"), told("skip")
    return (model.AdamW if is_adamw else model.RMSProp)(
        betas=(float(first), float(second)),
        eps=float(eps) if eps is not None else 1e-8 if is_adamw else 1e-15,
        decay=float(told("decay")),
        clip=None if clip is None else float(clip),
        skip=None if skip is None else float(skip),
        base_width=told("base_width"),
    )
