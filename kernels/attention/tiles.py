"""How large a tile each kernel takes, for how many warps and stages: a fixed table, nothing tuned at run time.

Chosen for sm_90: the largest whose sums and scores stay in registers and whose copies stay
within 227 KB of shared memory, with every window, cap and packing, under the compilers of
Triton 3.6 and 3.9.  Nothing here has been timed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """Queries by keys of a tile; warps that share it; stages in which loads run ahead."""

    queries: int
    keys: int
    warps: int
    stages: int


_INTERPRETED = Tile(32, 16, 4, 1)
"""Small enough that a test of some tens of positions has tiles of every kind."""

_HALF = {
    ("dots", 64): Tile(128, 128, 4, 1),
    ("dots", 128): Tile(64, 64, 4, 1),
    ("dots", 256): Tile(32, 32, 4, 1),
    ("forward", 64): Tile(128, 128, 8, 2),
    ("forward", 128): Tile(128, 64, 8, 3),
    ("forward", 256): Tile(128, 64, 8, 2),
    ("backward_queries", 64): Tile(128, 64, 8, 3),
    ("backward_queries", 128): Tile(128, 64, 8, 3),
    ("backward_queries", 256): Tile(128, 32, 8, 2),
    ("backward_both", 64): Tile(64, 128, 8, 3),
    ("backward_both", 128): Tile(32, 128, 8, 3),
    ("backward_keys", 256): Tile(16, 128, 8, 2),
    ("backward_values", 256): Tile(32, 128, 8, 2),
}


def tile(kernel: str, width: int, *, interpreted: bool = False) -> Tile:
    """For heads of up to `width` channels, a power of two from 16 to 256."""
    if interpreted:
        return _INTERPRETED
    return _HALF[kernel, max(64, width)]


def sides(width: int) -> tuple[str, ...]:
    """Which launches make the gradients of keys and values.

    128 keys of 256 channels are 128 registers a thread for one of the two: both would spill, and
    with 64 keys two groups of warps would work out the same scores.
    """
    return ("both",) if width <= 128 else ("keys", "values")
