"""The bill of a plan: every step's FLOPs by phase, memory, bytes on disk, and time and price on a cluster.

A count that only a run can tell makes a step's cost unknown, and the bill says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from ...graph.counts import active_params, id_bytes, params
from .. import model
from . import flops, layouts, memory
from .flops import shape

MOST = Fraction(9, 10)
"""Share of a device's memory that a step may take; the rest is the allocator's and the libraries'."""


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """A phase of a step; `seconds` are None without a cluster."""

    steps: int
    context: int
    tokens: int
    flops: int
    attention: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step costs.  `unknown` names what only a run can tell; `parts` are the FLOPs by purpose."""

    params: int = 0
    active: int = 0
    flops: int = 0
    attention: int = 0
    parts: dict[str, int] = field(default_factory=dict[str, int])
    phases: tuple[PhaseCost, ...] = ()
    artifact: int = 0
    checkpoints: int = 0
    layout: model.Layout | None = None
    memory: memory.Memory | None = None
    recompute: bool = False
    seconds: float | None = None
    device_hours: float | None = None
    price: float | None = None
    unknown: str = ""
    fault: str = ""
    """Why the step cannot be laid over the cluster; empty where it can."""


class Bill:
    """The costs of a plan's steps, on a cluster or without one."""

    def __init__(self, plan: model.Plan, cluster: model.Cluster | None = None) -> None:
        self.plan, self.cluster = plan, cluster
        self._steps = {step.address: step for step in plan.steps}
        self._archs: dict[str, model.Arch | None] = {}
        for step in plan.steps:
            self._archs[step.address] = self._arch(step)
        self.costs = {step.address: self._cost(step) for step in plan.steps}

    # ---- what follows from the steps before ------------------------------------------------

    def arch(self, address: str) -> model.Arch | None:
        """The arch of the model that a step makes; None where it makes none, or only a run can tell."""
        return self._archs.get(address)

    def _arch(self, step: model.Step) -> model.Arch | None:
        match step.work:
            case model.InitWork(arch=arch) | model.LoadWork(arch=arch) | model.UpcycleWork(arch=arch):
                return arch
            case model.PruneWork(arch=arch):
                return arch
            case model.TrainedWork():
                return self._archs.get(step.inputs["model"])
            case model.MergeWork() | model.PickWork():
                return self._archs.get(step.inputs["model:0"])
            case _:
                return None

    def _examples(self, address: str) -> int | Fraction | None:
        """How many prompts a step holds; None where only a run can tell."""
        step = self._steps[address]
        match step.work:
            case model.PromptsWork(examples=examples):
                return examples
            case model.PartWork(how="part", whole=whole):
                inner = self._examples(step.inputs["data"])
                return None if inner is None else Fraction(inner) / whole
            case _:
                return None

    def _inputs(self, step: model.Step) -> dict[str, model.Arch | None]:
        return {role: self._archs.get(name) for role, name in step.inputs.items()}

    # ---- one step ----------------------------------------------------------------------------

    def _cost(self, step: model.Step) -> Cost:
        work = step.work
        match work:
            case model.TrainedWork(open=waits) if waits:
                return Cost(unknown=waits.of)
            case model.TrainedWork() | model.TargetsWork():
                return self._trained(step, work)
            case model.SampleWork() | model.SynthesizeWork():
                asked = self._examples(step.inputs["prompts"]) if "prompts" in step.inputs else None
                parts = flops.answering(work, asked, self._inputs(step))
                if not parts and not isinstance(work, model.SynthesizeWork):
                    return Cost(unknown=step.inputs["prompts"])
                return self._timed(Cost(parts={what: int(count) for what, count in parts.items()}))
            case model.EvalWork():
                arch = self._archs.get(step.inputs["model"])
                return self._timed(
                    Cost(parts={"measuring": int(flops.measuring(work, arch))} if arch else {})
                )
            case _:
                return self._made(step)

    def _made(self, step: model.Step) -> Cost:
        """A model that comes without training: its weights on disk."""
        arch = self._archs.get(step.address)
        if isinstance(step.work, model.ReleaseWork):
            arch = self._archs.get(step.inputs["model"])
        if arch is None or isinstance(step.work, model.PickWork):
            return Cost()
        of = shape(arch)
        return Cost(params=params(of), active=active_params(of), artifact=params(of) * memory.FP32)

    def _timed(self, cost: Cost) -> Cost:
        """FLOPs summed up, and their time on all devices of the cluster."""
        total = sum(cost.parts.values())
        cost = replace(cost, flops=total)
        if self.cluster is None or self.cluster.device is None:
            return cost
        return replace(cost, **self._time(total, self.cluster.count, self.cluster.utilisation))

    def _time(self, total: int, devices: int, utilisation: float) -> dict[str, Any]:
        assert self.cluster
        assert self.cluster.device
        seconds = total / (devices * self.cluster.device.flops * utilisation)
        hours = seconds * devices / 3600
        price = hours * self.cluster.price if self.cluster.price is not None else None
        return {"seconds": seconds, "device_hours": hours, "price": price}

    # ---- a step that trains --------------------------------------------------------------------

    def _trained(self, step: model.Step, work: model.TrainedWork | model.TargetsWork) -> Cost:
        inputs = self._inputs(step)
        arch = inputs.get("teacher" if isinstance(work, model.TargetsWork) else "model")
        if arch is None:
            return Cost(unknown=step.inputs.get("model", step.address))
        readers = flops.passes(step, inputs)
        parts: dict[str, Fraction] = {}
        phases: list[PhaseCost] = []
        for phase in work.phases:
            linear, attention = Fraction(0), Fraction(0)
            for what, one, times, unembeds in readers:
                plain, seen = flops.forward(one, phase.context, unembeds)
                linear, attention = linear + times * plain, attention + times * seen
                parts[what] = parts.get(what, Fraction(0)) + phase.tokens * times * (plain + seen)
            phases.append(
                PhaseCost(
                    phase.steps,
                    phase.context,
                    phase.tokens,
                    int(phase.tokens * (linear + attention)),
                    int(phase.tokens * attention),
                )
            )
        made = self._archs.get(step.address) or arch
        own = params(shape(made)) * memory.FP32
        average = own if getattr(work, "average", None) else 0
        drifts = _merged_back(work) > 2
        saved = (3 + drifts) * params(shape(arch)) * memory.FP32 + average
        cost = Cost(
            params=params(shape(arch)),
            active=active_params(shape(arch)),
            flops=sum(one.flops for one in phases),
            attention=sum(one.attention for one in phases),
            parts={what: int(count) for what, count in parts.items()},
            phases=tuple(phases),
            artifact=own,
            checkpoints=saved * step.checkpoint.keep if step.checkpoint else 0,
        )
        if isinstance(work, model.TargetsWork):
            said = _said(work, arch)  # every state is a part of the artifact
            return replace(cost, artifact=said, checkpoints=said if step.checkpoint else 0)
        if self.cluster is None or self.cluster.device is None:
            return cost
        return self._laid(step, work, cost)

    def _laid(self, step: model.Step, work: model.TrainedWork, cost: Cost) -> Cost:
        """The same on the cluster: time and price of each phase, and memory in the fullest."""
        assert self.cluster
        laid = [layouts.chosen(step, self.cluster, one.context, one.sequences) for one in work.phases]
        faults = [
            fault
            for one, phase in zip(laid, work.phases, strict=True)
            if (fault := self._fault(step, one, phase))
        ]
        times = [
            self._time(one.flops, layout.devices, layout.utilisation or self.cluster.utilisation)
            for one, layout in zip(cost.phases, laid, strict=True)
        ]
        held, recompute, layout = max(
            (
                (*self.saving(step, layout, phase), layout)
                for layout, phase in zip(laid, work.phases, strict=True)
            ),
            key=lambda one: one[0].total,
        )
        phases = tuple(
            replace(one, seconds=time["seconds"]) for one, time in zip(cost.phases, times, strict=True)
        )
        cost = replace(cost, phases=phases, layout=layout, memory=held, recompute=recompute)
        cost = replace(cost, fault=faults[0] if faults else "")
        priced = all(time["price"] is not None for time in times)
        return replace(
            cost,
            seconds=sum(time["seconds"] for time in times),
            device_hours=sum(time["device_hours"] for time in times),
            price=sum(time["price"] for time in times) if priced else None,
        )

    def _fault(self, step: model.Step, layout: model.Layout, phase: model.Phase) -> str:
        assert self.cluster
        if layout.devices > self.cluster.count:
            return (
                f"{layouts.spell(layout)} takes {layout.devices} devices, and there are {self.cluster.count}"
            )
        arch = self._inputs(step)["model"]
        assert arch
        return layouts.legal(layout, arch, phase.sequences, phase.context)

    @property
    def room(self) -> int:
        """Bytes that a step may take of one device."""
        assert self.cluster
        assert self.cluster.device
        return int(self.cluster.device.memory * MOST)

    def saving(
        self, step: model.Step, layout: model.Layout, phase: model.Phase
    ) -> tuple[memory.Memory, bool]:
        """A phase's memory on one device, and whether layers have to be computed twice for it."""
        held = self._held(step, layout, phase, recompute=False)
        if held.total <= self.room:
            return held, False
        return self._held(step, layout, phase, recompute=True), True

    def _held(
        self, step: model.Step, layout: model.Layout, phase: model.Phase, recompute: bool
    ) -> memory.Memory:
        """One sequence, or one pair, at a time."""
        work, inputs = step.work, self._inputs(step)
        arch = inputs["model"]
        assert arch
        others = [inputs.get(role) for role in ("teacher", "reference", "judge")]
        others += [inputs.get("merge_back")] * (_merged_back(work) * memory.FP32 // memory.BF16)
        others += [arch] if isinstance(work, model.RlWork) and work.ema else []
        pair = flops.PAIR if isinstance(work, model.RewardWork | model.DpoWork) else 1
        return memory.training(
            arch,
            phase.context,
            memory.Setting(layout, mixed=True, recompute=recompute, sequences=pair),
            [one for one in others if one],
            frozen=isinstance(work, model.SftWork) and work.lora is not None,
            unembeds=not isinstance(work, model.RewardWork),
            compared=_compares(work) and inputs.get("teacher") is not None,
            answers=phase.context if _answers(work) else 0,
        )

    # ---- where it does not fit -----------------------------------------------------------------

    def fitting(self, step: model.Step, most: int = 5) -> list[tuple[model.Layout, memory.Memory, bool]]:
        """Layouts that are legal for every phase of a step and fit into memory, those nearest to its own first."""
        work, arch = step.work, self._inputs(step).get("model")
        if self.cluster is None or arch is None or not isinstance(work, model.TrainedWork) or work.open:
            return []
        fullest = max(work.phases, key=lambda phase: phase.context)
        near = layouts.chosen(step, self.cluster, fullest.context, fullest.sequences)
        found: list[tuple[model.Layout, memory.Memory, bool]] = []
        for layout in layouts.choices(self.cluster.count, arch, fullest.sequences, fullest.context, near):
            if any(self._fault(step, layout, phase) for phase in work.phases):
                continue
            held, recompute = max(
                (self.saving(step, layout, phase) for phase in work.phases), key=lambda one: one[0].total
            )
            if held.total <= self.room:
                found.append((layout, held, recompute))
            if len(found) == most:
                break
        return found


def _said(work: model.TargetsWork, arch: model.Arch) -> int:
    """Bytes of a teacher's targets: ids as small as the vocabulary allows, numbers as they are computed."""
    match work.target:
        case model.Convex():
            return work.tokens * id_bytes(arch.vocab)
        case model.TopK(k=k):
            return work.tokens * k * (id_bytes(arch.vocab) + memory.FP32)
        case model.Distribution():
            number = memory.BF16 if work.compute == "bf16" else memory.FP32
            return work.tokens * arch.width * number + arch.vocab * arch.width * memory.FP32


def _compares(work: model.Work) -> bool:
    """Whether a loss reads a teacher's whole distribution."""
    return isinstance(work, model.DistillWork | model.SftWork) and isinstance(work.target, model.Distribution)


def _merged_back(work: model.Work) -> int:
    """Models in fp32 that online merging keeps: the difference, the weights while a step is taken, and what they
    moved since the last merge."""
    back = work.merge_back if isinstance(work, model.TrainedWork) else None
    return 2 + (back.every > 1) if back else 0


def _answers(work: model.Work) -> bool:
    return isinstance(work, model.RlWork) or (
        isinstance(work, model.DistillWork) and work.on_policy is not None
    )


def totals(costs: Mapping[str, Cost]) -> Cost:
    """All steps together; what is unknown of some is left out."""
    every = costs.values()

    def known(name: str) -> float | None:
        found = [getattr(cost, name) for cost in every if getattr(cost, name) is not None]
        return sum(found) if found else None

    return Cost(
        flops=sum(cost.flops for cost in every),
        attention=sum(cost.attention for cost in every),
        artifact=sum(cost.artifact for cost in every),
        checkpoints=sum(cost.checkpoints for cost in every),
        seconds=known("seconds"),
        device_hours=known("device_hours"),
        price=known("price"),
    )
