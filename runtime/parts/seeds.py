"""Random numbers that depend on nothing but what they are for.

Every stage derives its seeds here from the plan's `rng` and a purpose, such as
`seed(rng, "order", "prose", epoch)`; nothing draws from a generator that others
draw from too, so no result depends on who came first.
"""

from __future__ import annotations

import hashlib
import json


def seed(rng: int, *purpose: str | int) -> int:
    """A number of 63 bits that belongs to this purpose alone."""
    text = json.dumps([rng, *purpose], ensure_ascii=False, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
