"""Where in the spec something of the plan was written."""

from __future__ import annotations

from .base import Frozen


class Origin(Frozen):
    path: str
    line: int
    column: int
