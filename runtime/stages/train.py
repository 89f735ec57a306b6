"""`train`: next-token prediction on a mix, by the one training loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ...compiler.plan.model import Phase, Step, TrainWork
from ...kernels.cross_entropy.op import cross_entropy
from ..parts.data.feed import IGNORED, Batch, Feed
from ..parts.data.tokens import TokenSet
from ..parts.model.decoder import Decoder
from ..parts.model.files import load, save
from .loop import Loop
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, TrainWork)
    sets = {
        role.removeprefix("tokens:"): TokenSet.open(path)
        for role, path in inputs.items()
        if role.startswith("tokens:")
    }
    loop = Loop(step, work, load(inputs["model"]), Feed(work, sets), room, next_token_loss)
    facts = loop.run()
    save(loop.model, room.folder)
    return facts


def next_token_loss(model: Decoder, batch: Batch, phase: Phase) -> Tensor:
    """Mean of -log p(next token) over every token of the batch that has a successor in its document."""
    hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, phase.rope)
    labels_N = batch.labels_BT.flatten()
    total = cross_entropy(hidden_BTD.flatten(0, 1), model.unembedding, labels_N)
    return total / (labels_N != IGNORED).sum()
