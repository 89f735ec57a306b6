"""Layouts of a plan's steps that fit a cluster."""

from __future__ import annotations

from ..compiler.plan.cost.bill import Bill
from ..compiler.plan.cost.layouts import spell
from ..compiler.plan.model import Plan, Step, TrainedWork
from ..compiler.units import digits


def show_fit(plan: Plan, cluster: str) -> str:
    """For every step that trains, its nearest legal layouts with the memory of a device."""
    bill = Bill(plan, plan.clusters[cluster])
    device = plan.clusters[cluster].device
    assert device
    lines = [
        f"{digits(plan.clusters[cluster].count)} × {device.name}, {bill.room / 1e9:.1f} GB of each for a step",
        "",
    ]
    told: dict[tuple[str, ...], list[str]] = {}
    for step in plan.steps:
        if isinstance(step.work, TrainedWork):
            told.setdefault(_rows(bill, step), []).append(step.address)
    for rows, addresses in told.items():
        lines += [_listed(addresses), *rows, ""]
    return "\n".join(lines).rstrip()


def nearest_that_fit(plan: Plan, cluster: str, step: Step) -> tuple[str, ...]:
    """What a person may write so that a step fits."""
    found = Bill(plan, plan.clusters[cluster]).fitting(step, 3)
    if not found:
        return ("no layout of these devices holds it: take more of them, or with more memory",)
    told = "; ".join(f"{spell(layout)} ({held.total / 1e9:.1f} GB)" for layout, held, _ in found)
    return (f"nearest layouts that fit: {told}; `--fit` lists more",)


def _rows(bill: Bill, step: Step) -> tuple[str, ...]:
    if isinstance(step.work, TrainedWork) and step.work.open:
        return (f"    (known after {step.work.open.of})",)
    found = bill.fitting(step)
    rows = [
        f"    {spell(layout):32} {held.total / 1e9:7.1f} GB   most of it {held.largest}"
        + ("; layers computed twice" if recompute else "")
        for layout, held, recompute in found
    ]
    return tuple(rows) or ("    none fits",)


def _listed(addresses: list[str]) -> str:
    more = f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""
    return ", ".join(addresses[:3]) + more
