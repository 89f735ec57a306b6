"""All rules: the folders of this package are the registry."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from .rule import Rule

FAMILIES = (
    "names",
    "units",
    "data",
    "schedule",
    "shapes",
    "lineage",
    "post_training",
    "claims",
    "breaking",
    "linter",
)
_HERE = Path(__file__).parent


@cache
def rules() -> dict[str, Rule]:
    """Every rule by its code, in the order of the codes."""
    found: list[Rule] = []
    for family in FAMILIES:
        for module in iter_modules([str(_HERE / family)]):
            loaded = import_module(f".{family}.{module.name}", __package__)
            found.append(getattr(loaded, module.name))
    return {one.code: one for one in sorted(found, key=lambda one: one.code)}
