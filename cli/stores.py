"""Where artifacts lie: in the spec's store, else in the one that the configuration names, else beside the runs."""

from __future__ import annotations

from pathlib import Path

from ..compiler.plan.model import Plan
from ..runtime.store.artifact import Store

BESIDE_RUNS = "runs/artifacts"
"""The default of a pipeline's `store`."""


def folder_of(plan: Plan, root: Path = Path()) -> Path:
    """The folder of a plan's store; `[tool.lehr].store` counts from its own file and may be anywhere."""
    return root / plan.store if plan.store != BESIDE_RUNS else configured(root)


def configured(root: Path = Path()) -> Path:
    """The store of plans that name none.  Where nothing is configured, nothing of the compiler is loaded:
    a saved plan runs without it.
    """
    here = root.resolve()
    if not any((folder / "pyproject.toml").is_file() for folder in (here, *here.parents)):
        return root / BESIDE_RUNS
    from ..compiler.lint.config import find

    config = find(root)
    return config.folder / Path(config.tool.store).expanduser() if config.tool.store else root / BESIDE_RUNS


def store_of(plan: Plan, root: Path = Path()) -> Store:
    return Store(folder_of(plan, root))
