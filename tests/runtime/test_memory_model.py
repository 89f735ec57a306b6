"""The compiler's memory model against the peak of live tensor bytes while a model really trains."""

import weakref

import pytest
import torch
from torch._library.custom_ops import OPDEFS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from lehr.compiler.plan.cost.memory import Setting, training
from lehr.compiler.plan.model import AdamW, Arch, Experts, Layout, Phase
from lehr.runtime.parts.data.feed import batch_of
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.optim.optimizer import optimizer_for

QUICKSTART = Arch(
    layers=4,
    width=128,
    heads=4,
    kv_heads=2,
    head_dim=32,
    ffn=384,
    vocab=1024,
    rope=1e4,
    tied=True,
    norm_eps=1e-5,
)


class Live(TorchDispatchMode):
    """Bytes of all storages that are alive, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return
        self.known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "lehr":
            with self:  # what an op of ours makes inside counts as well
                return OPDEFS[f"lehr::{func._opname}"]._init_fn(*args, **(kwargs or {}))
        out = func(*args, **(kwargs or {}))
        tree_map_only(torch.Tensor, self.add, out)
        return out


def peak(arch: Arch, sequences: int, context: int) -> int:
    """Live bytes at most in the second step of training, when the moments are there."""
    model = Decoder(arch)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    optimizer = optimizer_for(model, AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0))
    live = Live()
    for parameter in model.parameters():
        live.add(parameter)
    rows = torch.randint(0, arch.vocab, (sequences, context + 1)), torch.zeros(sequences, context + 1).long()
    batch, phase = batch_of(*rows), Phase(steps=1, context=context, sequences=sequences, rope=1e4, shares={})
    with live:
        for _ in range(2):
            live.peak = live.now
            optimizer.zero_grad(set_to_none=True)
            next_token(model, batch, phase).backward()
            torch.nn.utils.clip_grad_norm_(list(model.parameters()), 1.0)
            optimizer.step()
    return live.peak


EXPERTS = Experts(count=16, active=4, ffn=96, shared_ffn=192, renormalise=False, balance=0.001, every=1)
GEMMA = {"norms": "pre_post", "norm_offset": True, "embed_scale": True, "activation": "gelu_tanh"}


@pytest.mark.parametrize(
    ("sequences", "context", "changes"),
    [
        (16, 64, {}),
        (8, 256, {}),
        (4, 512, {}),
        (4, 256, {"vocab": 4096, "tied": False}),
        (4, 256, {"qkv_bias": True}),
        (4, 256, {"qk_norm": "head"}),
        (4, 256, {"qkv_bias": True, "experts": EXPERTS}),
        (4, 256, GEMMA | {"window": (32, "full"), "attention_cap": 50.0, "final_cap": 30.0}),
        (2, 64, {"layers": 2, "width": 256, "ffn": 1024}),
    ],
)
def test_the_peak_is_within_a_tenth_of_the_model(sequences: int, context: int, changes: dict):
    arch = QUICKSTART.model_copy(update=changes)
    held = training(arch, context, Setting(Layout(), mixed=False, recompute=False, sequences=sequences))
    assert held.total == pytest.approx(peak(arch, sequences, context), rel=0.1)
