"""A step's gradient does not depend on how its batch was cut, and the cut is chosen by what a model keeps."""

from functools import partial

import pytest
import torch

from lehr.compiler.plan.model import Arch, Experts, Phase
from lehr.runtime.parts import memory
from lehr.runtime.parts.data.feed import IGNORED, Batch
from lehr.runtime.parts.loss import next_token as module
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.memory import kept_bytes, rows_at_once
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.stages import passes as choosing
from lehr.runtime.stages.means import Means
from lehr.runtime.stages.passes import Passes

DENSE = Arch(
    layers=2,
    width=16,
    heads=2,
    kv_heads=1,
    head_dim=8,
    ffn=24,
    vocab=40,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
SPARSE = DENSE.model_copy(
    update={
        "experts": Experts(count=4, active=2, ffn=12, shared_ffn=8, balance=0.5, renormalise=False, every=1)
    }
)
PHASE = Phase(steps=1, context=16, sequences=6, rope=100.0, shares={})


def model_of(arch: Arch, dtype: torch.dtype = torch.float64) -> Decoder:
    model = Decoder(arch)
    initialise(model, 0.3, 1)
    return model.to(dtype)


def batch() -> Batch:
    """Six rows of documents of many lengths; each row has another number of labels."""
    source = torch.Generator().manual_seed(3)
    ids = torch.randint(0, 40, (6, 17), generator=source)
    cuts = torch.randint(0, 4, (6, 17), generator=source) == 0
    cuts[0] = False
    documents = cuts.cumsum(1)
    labels = ids[:, 1:].masked_fill(documents[:, 1:] != documents[:, :-1], IGNORED)
    return Batch(ids[:, :-1].contiguous(), labels, documents[:, :-1].contiguous())


def gradient(arch: Arch, rows: int, recompute: bool = False) -> dict[str, torch.Tensor]:
    model = model_of(arch)
    passes = Passes(model, partial(next_token, z_loss=0.1), "fp32", Means())
    passes.rows[PHASE.context], model.recompute = rows, recompute
    value = passes.gradient(batch(), PHASE)
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: tensor for name, tensor in found.items() if tensor is not None} | {"loss": value.double()}


@pytest.mark.parametrize("arch", [DENSE, SPARSE], ids=["dense", "experts"])
@pytest.mark.parametrize("rows", [1, 2, 4, 5])
def test_gradients_do_not_depend_on_the_micro_batch(arch: Arch, rows: int) -> None:
    whole, cut = gradient(arch, 6), gradient(arch, rows)
    assert whole.keys() == cut.keys()
    for name, tensor in whole.items():
        limit = 1e-12 if name != "loss" else 1e-6  # the loss itself is only told
        assert (tensor - cut[name]).norm() <= limit * tensor.norm(), name


@pytest.mark.parametrize("rows", [1, 4, 6])
def test_what_is_told_beside_a_loss_is_a_mean_over_tokens_too(rows: int) -> None:
    """And the loss reads what a batch carries beside its tokens, cut like them."""

    def loss(model: Decoder, part: Batch, phase: Phase) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        kept = part.labels_BT != IGNORED
        return next_token(model, part, phase), {"double": part.beside[0][kept].sum() * 2}

    whole = batch()
    carried = Batch(whole.tokens_BT, whole.labels_BT, whole.documents_BT, (whole.tokens_BT.double(),))
    passes = Passes(model_of(DENSE), loss, "fp32", Means())
    passes.rows[PHASE.context] = rows
    passes.gradient(carried, PHASE)
    kept = whole.labels_BT != IGNORED
    assert passes.beside["double"].item() == pytest.approx(2 * whole.tokens_BT[kept].double().mean().item())


def test_the_mean_of_means_would_be_another_gradient() -> None:
    """The rows have other numbers of labels, so the test above can fail."""
    labels = (batch().labels_BT != IGNORED).sum(1)
    assert len(set(labels.tolist())) > 1
    model, means = model_of(DENSE), list[torch.Tensor]()
    for row in range(6):
        part = Batch(
            *(t[row : row + 1] for t in (batch().tokens_BT, batch().labels_BT, batch().documents_BT))
        )
        means.append(next_token(model, part, PHASE, 0.1) / labels[row])
    torch.stack(means).mean().backward()
    whole = gradient(DENSE, 6)
    name = "model.norm.weight"
    assert (dict(model.named_parameters())[name].grad - whole[name]).norm() > 1e-3 * whole[name].norm()


@pytest.mark.parametrize("arch", [DENSE, SPARSE], ids=["dense", "experts"])
def test_computing_layers_anew_keeps_less_and_changes_nothing(arch: Arch) -> None:
    kept, anew = gradient(arch, 3), gradient(arch, 3, recompute=True)
    assert all(torch.equal(kept[name], anew[name]) for name in kept)
    model = model_of(arch)
    sizes = []
    for model.recompute in (False, True):
        sizes.append(kept_bytes(lambda: next_token(model, batch(), PHASE), model.parameters()))
    assert sizes[1] < 0.5 * sizes[0]


def test_the_gradient_of_the_z_loss_is_that_of_its_formula() -> None:
    model = model_of(DENSE)
    next_token(model, batch(), PHASE, z_loss=0.3).backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    logits = model(batch().tokens_BT, batch().documents_BT, 100.0)
    kept = batch().labels_BT != IGNORED
    z = logits.logsumexp(-1)[kept]
    (z - logits[kept].gather(-1, batch().labels_BT[kept][:, None])[:, 0] + 0.3 * z.square()).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-10, atol=1e-12)


# ---- how many at once ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sequences", "each", "room", "rows"),
    [
        (8, 10, 1000, 8),  # all
        (8, 10, 79, 4),  # 7 fit: two passes of 4 rather than 7 and 1
        (9, 10, 45, 3),  # 4 fit: three passes
        (8, 10, 5, 1),  # not even one
        (8, 10, 0, 1),
        (1, 10, 1000, 1),
    ],
)
def test_as_few_passes_as_fit_of_even_lengths(sequences: int, each: int, room: int, rows: int) -> None:
    assert rows_at_once(sequences, each, room) == rows


def test_what_a_pass_keeps_grows_with_its_rows_and_leaves_weights_out() -> None:
    w = torch.ones(50, 40, requires_grad=True)

    def kept(rows: int) -> int:
        x = torch.ones(rows, 50)
        return kept_bytes(lambda: (x @ w).exp().sum(), [w])

    assert kept(3) == 3 * (50 + 40) * 4  # x for the gradient of w, and exp's result
    assert kept(6) == 2 * kept(3)


def test_less_memory_makes_smaller_passes_and_then_computes_layers_anew() -> None:
    def chosen(memory: int) -> tuple[int, bool]:
        model = model_of(DENSE, torch.float32)
        passes = Passes(model, next_token, "fp32", Means(memory=memory))
        passes.prepare(batch(), PHASE)
        return passes.rows[PHASE.context], model.recompute

    model = model_of(DENSE, torch.float32)
    first = Batch(*(t[:1].clone() for t in (batch().tokens_BT, batch().labels_BT, batch().documents_BT)))
    one = kept_bytes(lambda: next_token(model, first, PHASE), model.parameters())
    state = 24 * model.params
    assert chosen(1 << 40) == (6, False)
    assert chosen(state + 4 * one) == (2, False)
    assert chosen(state + 2 * one) == (1, False)
    rows, recompute = chosen(state + one)
    assert recompute
    assert rows >= 1


def test_what_one_sequence_keeps_is_counted_alike_in_a_batch_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(choosing, "rows_at_once", lambda sequences, each, room: counted.append(each) or 1)
    for times in (1, 500):
        one = batch()
        many = Batch(*(part.repeat(times, 1) for part in (one.tokens_BT, one.labels_BT, one.documents_BT)))
        Passes(model_of(DENSE), next_token, "fp32", Means()).prepare(many, PHASE)
    assert counted[0] == counted[1]


def test_the_same_machine_gives_the_same_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is free does not matter; what a control group allows does."""
    device = torch.device("cpu")
    assert memory.device_bytes(device) == memory.device_bytes(device) > 1 << 20
    limited = memory.device_bytes(device) // 2

    class Told:
        def read_text(self) -> str:
            return f"{limited}\n"

    monkeypatch.setattr(memory, "_CGROUP", Told())
    assert memory.device_bytes(device) == limited


def test_bf16_computes_in_bf16_and_keeps_everything_in_fp32() -> None:
    model = model_of(DENSE, torch.float32)
    whole = gradient(DENSE, 6)
    passes = Passes(model, partial(next_token, z_loss=0.1), "bf16", Means())
    loss = passes.gradient(batch(), PHASE)
    assert loss.item() == pytest.approx(whole["loss"].item(), rel=1e-2)
    assert loss.item() != pytest.approx(whole["loss"].item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert (parameter.dtype, parameter.grad.dtype) == (torch.float32, torch.float32)
        assert (parameter.grad - whole[name]).norm() < 0.05 * whole[name].norm()


def test_bf16_does_not_reach_into_the_loss_whose_sums_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel adds up several chunks in fp32; autocast would round each of them."""
    seen: list[tuple[torch.dtype, torch.dtype, bool]] = []

    def spy(
        hidden: torch.Tensor, unembedding: torch.Tensor, *rest: object, **settings: object
    ) -> torch.Tensor:
        seen.append((hidden.dtype, unembedding.dtype, torch.is_autocast_enabled("cpu")))
        return hidden.sum() + unembedding.sum()

    monkeypatch.setattr(module, "cross_entropy", spy)
    for compute in ("fp32", "bf16"):
        Passes(model_of(DENSE, torch.float32), next_token, compute, Means()).gradient(batch(), PHASE)
    wide, narrow = set(seen[:2]), set(seen[2:])
    assert wide == {(torch.float32, torch.float32, False)}
    assert narrow == {(torch.bfloat16, torch.bfloat16, False)}
