"""An order in which the steps of a plan can be run: what is needed first, and else as the text has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter
from heapq import heappop, heappush


def run_order(needs: Mapping[str, Collection[str]], rank: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Addresses so that each comes after what it needs; where there is a choice, the lower rank goes first.

    Of equal ranks, the one that was drafted first does.
    """
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    order: list[str] = []
    places = {address: place for place, address in enumerate(needs)}
    ready: list[tuple[tuple[int, ...], int, str]] = []
    while sorter.is_active():
        for address in sorter.get_ready():
            heappush(ready, (rank[address], places[address], address))
        first = heappop(ready)[-1]
        order.append(first)
        sorter.done(first)
    return order
