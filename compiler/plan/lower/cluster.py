"""Clusters and layouts as the plan has them."""

from __future__ import annotations

from ...graph.blocks.cluster import Cluster, Mesh
from ...graph.blocks.trained import Parallel
from .. import model
from ..devices import device


def cluster(block: Cluster) -> model.Cluster:
    """A cluster with what is known of its device; a memory that the spec gives goes first."""
    known = device(block.device)
    if known and block.memory:
        known = known.model_copy(update={"memory": block.memory})
    price, currency = block.price, ""
    if price:
        currency = next((base for base, power in price.dims if power == 1), "")
    return model.Cluster(
        device=known,
        named=block.device,
        count=block.count,
        utilisation=float(block.utilisation),
        meshes=tuple(one for one in map(layout, block.steps) if one),
        price=float(price.value * 3600) if price else None,
        currency=currency,
    )


def layout(of: object) -> model.Layout | None:
    """A `parallel` or `mesh` block."""
    if not isinstance(of, Parallel):
        return None
    share = float(of.utilisation) if of.utilisation is not None else None
    longest = of.context if isinstance(of, Mesh) else None
    return model.Layout(dp=of.dp, tp=of.tp, cp=of.cp, pp=of.pp, ep=of.ep, utilisation=share, context=longest)
