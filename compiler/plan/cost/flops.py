"""FLOPs of every kind of step, exactly: a multiplication and an addition are two.

Training is three times the forward pass: the backward pass makes the gradients of
inputs and of weights.  What is computed twice to save memory is not counted, so a
utilisation here is an MFU (Chowdhery et al. 2022, appendix B).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ...graph.counts import Shape, attention_flops_per_token, forward_flops_per_token
from .. import model

TRAINING = 3
"""Forward passes that a training step is worth."""
LORA = 2
"""The same where weights stand still: no gradients of them are made."""
PAIR = 2
"""Sequences in a pair of answers."""


def shape(arch: model.Arch) -> Shape:
    """What counts depend on, of a plan's arch."""
    experts = arch.experts
    return Shape(
        layers=arch.layers,
        width=arch.width,
        heads=arch.heads,
        kv_heads=arch.kv_heads,
        head_dim=arch.head_dim,
        ffn=arch.ffn,
        vocab=arch.vocab,
        tied=arch.tied,
        qkv_bias=arch.qkv_bias,
        qk_norm=arch.qk_norm,
        norms=arch.norms,
        experts=experts.count if experts else 0,
        active=experts.active if experts else 0,
        expert_ffn=experts.ffn if experts else 0,
        shared_ffn=experts.shared_ffn if experts else 0,
        every=experts.every if experts else 1,
    )


def forward(arch: model.Arch, context: int, unembeds: bool = True) -> tuple[int, Fraction]:
    """One token on its way through a model: matrix products, and attention within a full sequence."""
    return (
        forward_flops_per_token(shape(arch), unembeds),
        attention_flops_per_token(shape(arch), context, arch.window) / TRAINING,
    )


def passes(
    step: model.Step, archs: Mapping[str, model.Arch | None]
) -> list[tuple[str, model.Arch, Fraction, bool]]:
    """Who reads each token of a training step: (what for, arch, how many forward passes it is worth, unembeds).

    `archs` are those of the inputs, by role; a role whose arch is not known is left out.
    """
    own, work = archs.get("model"), step.work
    found: list[tuple[str, model.Arch | None, int | Fraction, bool]] = []
    match work:
        case model.TrainWork() | model.PruneWork():
            found = [("training", own, TRAINING, True)]
        case model.TargetsWork():
            found = [("teacher", archs.get("teacher"), 1, True)]
        case model.DistillWork():
            found = [("training", own, TRAINING, True), ("teacher", archs.get("teacher"), 1, True)]
            found += [("generation", own, 1, True)] if work.on_policy else []
        case model.SftWork():
            found = [("training", own, LORA if work.lora else TRAINING, True)]
            found += [("teacher", archs.get("teacher"), 1, True)]
        case model.RewardWork():
            found = [("training", own, PAIR * TRAINING, False)]
        case model.DpoWork():
            found = [
                ("training", own, PAIR * TRAINING, True),
                ("reference", archs.get("reference"), PAIR, True),
            ]
        case model.RlWork():
            each = Fraction(1, work.algorithm.inner)
            reference = own if work.ema else archs.get("reference")
            found = [
                ("training", own, TRAINING, True),
                ("generation", own, each, True),
                ("reference", reference, each, True),
                ("judge", archs.get("judge"), each, False),
            ]
        case _:
            pass
    return [(what, arch, Fraction(times), unembeds) for what, arch, times, unembeds in found if arch]


def answering(
    work: model.SampleWork | model.SynthesizeWork,
    prompts: int | Fraction | None,
    archs: Mapping[str, model.Arch | None],
) -> dict[str, Fraction]:
    """Models that answer, each answer as long as it may be; what prompts cost to read is not known."""
    if isinstance(work, model.SynthesizeWork):
        written = Fraction(work.count)
    elif prompts is None:
        return {}
    else:
        written = Fraction(prompts * work.per_prompt[1])
    found: dict[str, Fraction] = {}
    for role, arch in archs.items():
        what = "judge" if role == "judge" else "generation"
        if arch is None or not (role == "judge" or role.startswith("model")):
            continue
        answers = written * (_models(archs) if what == "judge" else 1)
        linear, attention = forward(arch, work.max_new, unembeds=what != "judge")
        found[what] = found.get(what, Fraction(0)) + answers * work.max_new * (linear + attention)
    return found


def _models(archs: Mapping[str, model.Arch | None]) -> int:
    return max(1, sum(role.startswith("model") for role in archs))


def measuring(work: model.EvalWork, arch: model.Arch) -> Fraction:
    """Benches whose questions are counted; those in files are not."""
    total = Fraction(0)
    for bench in work.benches.values():
        match bench:
            case model.Perplexity(context=context, sequences=sequences):
                tokens = context * sequences
            case model.ExactMatch(questions=questions, max_new=context):
                tokens = questions * context
            case model.Needle(context=context, depths=depths):
                tokens = 2 * context * depths  # as many again at its half, its quarter … together
            case _:
                continue
        total += tokens * sum(forward(arch, context))
    return total
