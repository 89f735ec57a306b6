"""The compiler's memory model against the peak of live tensor bytes while a model really trains."""

import weakref

import pytest
import torch
from torch._library.custom_ops import OPDEFS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from lehr.compiler.plan.cost.memory import Setting, training
from lehr.compiler.plan.model import AdamW, Arch, Experts, Layout, Phase
from lehr.kernels.distill.op import divergence
from lehr.runtime.parts.data.feed import Batch, batch_of
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.optim.optimizer import optimizer_for
from lehr.runtime.stages.passes import Loss

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


def drawn(arch: Arch) -> Decoder:
    model = Decoder(arch)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return model


def peak(arch: Arch, sequences: int, context: int, loss: Loss = next_token, *others: Decoder) -> int:
    """Live bytes at most in the second step of training, when the moments are there."""
    model = drawn(arch)
    optimizer = optimizer_for(model, AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0))
    live = Live()
    for parameter in (parameter for one in (model, *others) for parameter in one.parameters()):
        live.add(parameter)
    rows = torch.randint(0, arch.vocab, (sequences, context + 1)), torch.zeros(sequences, context + 1).long()
    batch, phase = batch_of(*rows), Phase(steps=1, context=context, sequences=sequences, rope=1e4, shares={})
    with live:
        for _ in range(2):
            live.peak = live.now
            optimizer.zero_grad(set_to_none=True)
            loss(model, batch, phase).backward()
            torch.nn.utils.clip_grad_norm_(list(model.parameters()), 1.0)
            optimizer.step()
    return live.peak


def on_cpu(sequences: int) -> Setting:
    return Setting(Layout(), mixed=False, recompute=False, sequences=sequences, device="cpu")


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
        (2, 256, {"qk_norm": "head", "width": 256, "kv_heads": 1, "head_dim": 64}),
        (2, 256, {"experts": EXPERTS.model_copy(update={"active": 2, "ffn": 384, "shared_ffn": 0})}),
        (2, 256, {"experts": EXPERTS, "width": 64}),
        (2, 256, {"experts": EXPERTS.model_copy(update={"every": 2})}),
    ],
)
def test_the_peak_is_within_a_tenth_of_the_model(sequences: int, context: int, changes: dict):
    arch = QUICKSTART.model_copy(update=changes)
    held = training(arch, context, on_cpu(sequences))
    assert held.total == pytest.approx(peak(arch, sequences, context), rel=0.1)


def test_so_it_is_beside_a_teacher():
    """A chunk of both models' logits, and the teacher's weights."""
    arch, teachers = (QUICKSTART.model_copy(update={"vocab": 8192, "width": width}) for width in (128, 256))
    teacher = drawn(teachers).requires_grad_(False)

    def apart(model: Decoder, batch: Batch, phase: Phase) -> torch.Tensor:
        layers = (
            tensor
            for one in (model, teacher)
            for tensor in (
                one.hidden(batch.tokens_BT, batch.documents_BT, phase.rope).flatten(0, 1),
                one.unembedding,
            )
        )
        return divergence(*layers, batch.labels_BT.flatten())

    held = training(arch, 256, on_cpu(4), [teachers], compared=True)
    assert held.total == pytest.approx(peak(arch, 4, 256, apart, teacher), rel=0.1)
