"""Addresses by content: what a step does, what it reads, and the edition of its code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from .model import Work


def fingerprint(work: Work, inputs: Mapping[str, str]) -> str:
    """SHA-256 over the canonical JSON of a step's work and its inputs' fingerprints by role.

    Where the step was written, what it is called and how often it saves are not
    in it: changing those changes no artifact.
    """
    document = {"work": work.model_dump(mode="json"), "inputs": dict(inputs)}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return sha256(text.encode()).hexdigest()
