"""Layouts of a step over the devices of a cluster: which are legal, and which are near."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from .. import model

_NODE = 8
"""Devices within one machine, beyond which tensor parallelism is not laid."""


def legal(layout: model.Layout, arch: model.Arch, sequences: int, context: int) -> str:
    """Why a layout cannot hold a step; empty where it can."""
    if arch.heads % layout.tp or (arch.kv_heads % layout.tp and layout.tp % arch.kv_heads):
        return f"tp {layout.tp} does not divide {arch.heads} heads and {arch.kv_heads} key-value heads"
    if layout.pp > arch.layers:
        return f"pp {layout.pp} is more than {arch.layers} layers"
    if context % (2 * layout.cp) and layout.cp > 1:
        return f"cp {layout.cp} does not cut {context} positions into pairs of equal parts"
    if layout.dp > sequences:
        return f"dp {layout.dp} is more than the {sequences} sequences of a step"
    if layout.ep > 1 and (arch.experts is None or arch.experts.count % layout.ep or layout.dp % layout.ep):
        return f"ep {layout.ep} does not divide the experts and dp {layout.dp}"
    return ""


def choices(
    devices: int, arch: model.Arch, sequences: int, context: int, near: model.Layout
) -> list[model.Layout]:
    """The legal layouts on all of some devices, those nearest to a wished one first."""
    found = [layout for layout in _layouts(devices, near) if not legal(layout, arch, sequences, context)]
    return sorted(found, key=lambda one: (_far(one, near), one.tp, one.pp, one.cp))


def _layouts(devices: int, near: model.Layout) -> Iterator[model.Layout]:
    for tp in _divisors(devices):
        if tp > _NODE:
            break
        for pp in _divisors(devices // tp):
            for cp in _divisors(devices // tp // pp):
                dp = devices // tp // pp // cp
                yield near.model_copy(update={"dp": dp, "tp": tp, "pp": pp, "cp": cp})


def _divisors(number: int) -> list[int]:
    small = [one for one in range(1, int(number**0.5) + 1) if number % one == 0]
    return small + [number // one for one in reversed(small) if one * one != number]


def _far(one: model.Layout, other: model.Layout) -> float:
    """In doublings, summed over the axes."""
    return sum(abs(log2(getattr(one, axis) / getattr(other, axis))) for axis in ("dp", "tp", "cp", "pp"))


def chosen(step: model.Step, cluster: model.Cluster, context: int, sequences: int) -> model.Layout:
    """A phase's layout: the step's own, or the cluster's mesh for its context, or data parallelism over as
    many devices as have a sequence of their own.
    """
    meshes = (one for one in cluster.meshes if one.context is None or context <= one.context)
    return step.layout or next(meshes, None) or model.Layout(dp=min(cluster.count, sequences))


def spell(layout: model.Layout) -> str:
    """`dp 128 · tp 8 · pp 16`."""
    axes = [f"{axis} {getattr(layout, axis)}" for axis in ("dp", "tp", "cp", "pp", "ep")]
    told = [axis for axis in axes if not axis.endswith(" 1")]
    return " · ".join(told) or "one device"
