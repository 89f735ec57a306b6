"""What mergekit makes of models, for `test_mergekit`; it runs in mergekit's own environment.

    python peer_mergekit.py FOLDER

reads the models `base`, `one` and `other` in a folder, and `masks.safetensors` in place of what DARE draws; writes
a folder for each method.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.merge_methods.generalized_task_arithmetic import GeneralizedTaskArithmeticMerge as Sparse
from mergekit.options import MergeOptions
from safetensors.torch import load_file

WEIGHTS, DENSITY, PART = (0.25, 0.75), 0.25, 0.375


def asked(folder: Path) -> dict[str, dict[str, Any]]:
    base, one, other = (str(folder / name) for name in ("base", "one", "other"))

    def models(**more: float) -> list[dict[str, Any]]:
        pairs = zip((one, other), WEIGHTS, strict=True)
        return [{"model": name, "parameters": {"weight": weight, **more}} for name, weight in pairs]

    few = {"base_model": base, "models": models(density=DENSITY)}
    return {
        "linear": {"merge_method": "linear", "models": models()},
        "slerp": {
            "merge_method": "slerp",
            "base_model": one,
            "models": [{"model": one}, {"model": other}],
            "parameters": {"t": PART},
        },
        "ties": {"merge_method": "ties", **few},
        "dare": {"merge_method": "dare_linear", "parameters": {"rescale": False}, **few},
        "rescaled": {"merge_method": "dare_linear", **few},
    }


def with_masks(masks: dict[str, torch.Tensor]) -> None:
    """Let DARE of a tensor drop what its masks drop, model by model."""
    left: list[torch.Tensor] = []
    merge = Sparse.merge_group

    def named(self: Any, group: Any, /, **parameters: Any) -> torch.Tensor:
        left[:] = [masks[f"{group.metadata.name}|{place}"] for place in range(len(group.non_base))]
        return merge(self, group, **parameters)

    Sparse.merge_group = named
    torch.bernoulli = lambda chances: left.pop(0).view_as(chances)


def main() -> None:
    folder = Path(sys.argv[1])
    with_masks(load_file(folder / "masks.safetensors"))
    options = MergeOptions(copy_tokenizer=False, write_model_card=False, quiet=True)
    for name, method in asked(folder).items():
        configuration = MergeConfiguration.model_validate({"dtype": "float32", **method})
        run_merge(configuration, str(folder / f"theirs-{name}"), options)


if __name__ == "__main__":
    main()
