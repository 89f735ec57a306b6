"""An order in which the steps of a plan can be run: what is needed first, and else as the text has it."""

from __future__ import annotations

from collections.abc import Mapping


def run_order(inputs: Mapping[str, Mapping[str, str]], rank: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Addresses so that each comes after its inputs; where there is a choice, the lower rank goes first."""
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for address, roles in inputs.items():
        graph.add_node(address)
        graph.add_edges_from((needed, address) for needed in roles.values())

    def place(address: str) -> tuple[int, ...]:
        return rank[address]

    return list(networkx.lexicographical_topological_sort(graph, key=place))
