"""The tensors of a model under the names that its files give them.

They are those of Hugging Face.  Routed experts are two tensors in memory and three
for each expert in a file, as released checkpoints have them; `stacked` names them
as they are in memory, which transformers 5 reads too.
"""

from __future__ import annotations

import re

from torch import Tensor, nn

from .experts import RoutedExperts


def in_files(model: nn.Module) -> dict[str, Tensor]:
    """Views of all parameters by their names in a file; to write into one is to write into the model."""
    experts = {name: part for name, part in model.named_modules() if isinstance(part, RoutedExperts)}
    found: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        owner = name.rpartition(".")[0]
        if owner not in experts:
            found[name] = parameter.detach()
        elif name.endswith("gate_up_proj"):
            found |= _each(owner, experts[owner])
    return found


def stacked(model: nn.Module) -> dict[str, Tensor]:
    """The same with the experts of a layer in two tensors."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def is_stacked(name: str) -> bool:
    return re.search(r"\.experts\.(gate_up|down)_proj$", name) is not None


def _each(owner: str, experts: RoutedExperts) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    pairs = zip(experts.gate_up_proj.detach(), experts.down_proj.detach(), strict=True)
    for index, (gate_up, down) in enumerate(pairs):
        gate, up = gate_up.chunk(2)
        for part, tensor in (("gate", gate), ("up", up), ("down", down)):
            found[f"{owner}.{index}.{part}_proj.weight"] = tensor
    return found
