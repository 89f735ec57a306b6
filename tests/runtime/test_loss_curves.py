"""A loss curve of every family, kept: a change of numerics shows here, and needs a reason in the changelog.

Rows count upwards modulo 96 by a step of their own, so that there is something to learn in seconds.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from families import FAMILIES

from lehr.compiler.plan.model import Arch, Phase
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise

GOLDEN = Path(__file__).parent / "golden" / "loss_curves.json"
STEPS, EVERY = 40, 5


def curve(arch: Arch) -> list[float]:
    """The loss of every fifth step."""
    model, source = Decoder.empty(arch), torch.Generator().manual_seed(11)
    initialise(model, 0.1, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))
    phase = Phase(steps=STEPS, context=32, sequences=8, rope=arch.rope, shares={})
    losses: list[float] = []
    for _ in range(STEPS):
        first, step = torch.randint(0, 96, (2, 8, 1), generator=source)
        ids = (first + (step % 5 + 1) * torch.arange(33)) % 96
        batch = Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), torch.zeros(8, 32))
        loss = next_token(model, batch, phase) / batch.labels_BT.numel()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[::EVERY] + losses[-1:]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_learns_as_it_did(name: str):
    found = curve(FAMILIES[name])
    kept = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("LEHR_GOLDEN") == "write":
        kept[name] = found
        GOLDEN.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    assert found == pytest.approx(kept[name], rel=1e-3)
    assert found[-1] < 0.85 * found[0]
