"""Learning rates, AdamW and averages, against numbers worked out by hand."""

from math import cos, pi, sqrt

import numpy as np
import pytest
import torch
from torch import nn

from lehr.compiler.plan.model import AdamW, Arch, Optimizer, RMSProp, Segment, rate
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.optim.average import Average
from lehr.runtime.parts.optim.optimizer import load_state, optimizer_for, set_rate, state_tensors

SETTINGS = AdamW(betas=(0.8, 0.9), eps=1e-6, decay=0.1, clip=None)


# ---- schedule --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "values"),
    [
        ("linear", [2.0, 3.5, 5.0, 6.5]),
        ("cosine", [2.0, 2 + 6 * (1 - cos(pi / 4)) / 2, 5.0, 2 + 6 * (1 - cos(pi * 3 / 4)) / 2]),
        ("sqrt", [2.0, 5.0, 2 + 6 * sqrt(0.5), 2 + 6 * sqrt(0.75)]),
        ("exponential", [2.0, 2 * 4**0.25, 4.0, 2 * 4**0.75]),
    ],
)
def test_a_segment_follows_its_curve(via: str, values: list[float]) -> None:
    segment = Segment.model_validate({"start": 10, "end": 14, "first": 2.0, "last": 8.0, "via": via})
    assert [rate([segment], step) for step in range(10, 14)] == pytest.approx(values, rel=1e-15)


def test_a_step_belongs_to_the_segment_in_which_it_begins() -> None:
    warm, flat, down = (
        Segment(start=0, end=4, first=0.0, last=1.0),
        Segment(start=4, end=6, first=1.0, last=1.0),
        Segment(start=6, end=8, first=1.0, last=0.0),
    )
    assert [rate((warm, flat, down), step) for step in range(8)] == [0, 0.25, 0.5, 0.75, 1, 1, 1, 0.5]


# ---- AdamW -----------------------------------------------------------------------------


def linear() -> nn.Linear:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, -1.0]]))
        layer.bias.fill_(0.25)
    return layer


def advance(layer: nn.Linear, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        set_rate(optimizer, 0.1)
        layer.weight.grad = layer.weight.new_tensor([[1.0 + step, -0.5]])
        layer.bias.grad = layer.bias.new_tensor([0.2])
        optimizer.step()


def by_hand(value: float, gradients: list[float], decay: float) -> float:
    """Loshchilov & Hutter 2019, algorithm 2."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        value -= 0.1 * decay * value
        value -= 0.1 * (m / (1 - 0.8**t)) / (sqrt(v / (1 - 0.9**t)) + 1e-6)
    return value


def test_adamw_follows_its_formula_and_decays_matrices_only() -> None:
    layer = linear()
    advance(layer, optimizer_for(layer, SETTINGS), range(3))
    expected = [by_hand(0.5, [1.0, 2.0, 3.0], 0.1), by_hand(-1.0, [-0.5] * 3, 0.1)]
    assert layer.weight[0].tolist() == pytest.approx(expected, rel=1e-6)
    assert layer.bias.item() == pytest.approx(by_hand(0.25, [0.2] * 3, 0.0), rel=1e-6)


def test_state_has_flat_names_and_none_before_the_first_step() -> None:
    layer = linear()
    adamw = optimizer_for(layer, SETTINGS)
    assert state_tensors(adamw, layer) == {}
    advance(layer, adamw, range(1))
    assert sorted(state_tensors(adamw, layer)) == [
        f"optim.{moment}.{name}"
        for moment in ("exp_avg", "exp_avg_sq", "step")
        for name in ("bias", "weight")
    ]


# ---- RMSProp with momentum ---------------------------------------------------------------


AFM = RMSProp(betas=(0.7, 0.9), eps=1e-15, decay=0.1, clip=None)


def momentum_by_hand(start: np.ndarray, gradients: list[np.ndarray], decay: float, scale: float = 1.0):
    """arXiv:2407.21075, section 3.2, in fp64: the learning rate multiplies update and decay, the scale only one."""
    w, m, v = start.astype(float), np.zeros_like(start, dtype=float), np.zeros_like(start, dtype=float)
    for t, g in enumerate(gradients, start=1):
        v = 0.9 * v + 0.1 * (g * g + 1e-30)
        u = g / np.sqrt(v / (1 - 0.9**t))
        u = u / max(1.0, float(np.sqrt((u * u).mean())))
        m = 0.7 * m + 0.3 * u
        w = w - 0.1 * (scale * m + decay * w)
    return w


def test_rmsprop_follows_its_formula_and_decays_matrices_only() -> None:
    layer = linear().double()
    advance(layer, optimizer_for(layer, AFM), range(4))
    gradients = [np.array([[1.0 + step, -0.5]]) for step in range(4)]
    expected = momentum_by_hand(np.array([[0.5, -1.0]]), gradients, 0.1)
    np.testing.assert_allclose(layer.weight.detach().numpy(), expected, rtol=1e-14)
    bias = momentum_by_hand(np.array([0.25]), [np.array([0.2])] * 4, 0.0)
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias, rtol=1e-14)


def test_an_update_of_rmsprop_is_cut_to_a_root_mean_square_of_one() -> None:
    """After quiet steps a jump of the gradient would move a weight by its ratio to the quiet ones."""
    quiet, jump = np.full((1, 2), 1e-3), np.full((1, 2), 1e3)
    layer = linear().double()
    rmsprop = optimizer_for(layer, AFM.model_copy(update={"decay": 0.0}))
    set_rate(rmsprop, 1.0)
    for gradient in (quiet, jump):
        before = layer.weight.detach().clone()
        layer.weight.grad = torch.from_numpy(gradient)
        rmsprop.step()
    moved = (before - layer.weight.detach()).numpy()
    np.testing.assert_allclose(moved, 0.7 * 0.3 * 1.0 + 0.3 * 1.0, rtol=1e-12)


def test_a_gradient_of_zero_moves_nothing_but_what_decays() -> None:
    layer = linear()
    rmsprop = optimizer_for(layer, AFM)
    set_rate(rmsprop, 0.5)
    layer.weight.grad, layer.bias.grad = torch.zeros(1, 2), torch.zeros(1)
    rmsprop.step()
    assert layer.weight[0].tolist() == pytest.approx([0.475, -0.95], rel=1e-6)
    assert layer.bias.item() == 0.25


@pytest.mark.parametrize("settings", [SETTINGS, AFM])
def test_simple_mup_scales_the_updates_of_linear_layers_and_no_decay(settings: Optimizer) -> None:
    """Embeddings and norms are left alone; with a gradient of zero a scaled layer decays like the others."""
    arch = Arch(
        layers=1,
        width=8,
        heads=2,
        kv_heads=1,
        head_dim=4,
        ffn=12,
        vocab=20,
        rope=1e2,
        tied=True,
        norm_eps=1e-5,
    )

    def moved(base: int | None, gradient: float) -> dict[str, torch.Tensor]:
        model = Decoder(arch)
        for parameter in model.parameters():
            torch.nn.init.ones_(parameter)
            parameter.grad = torch.full_like(parameter, gradient)
        one = optimizer_for(model, settings.model_copy(update={"base_width": base}))
        set_rate(one, 0.1)
        one.step()
        return {name: parameter.detach() - 1 for name, parameter in model.named_parameters()}

    decay, plain, scaled = moved(2, 0.0), moved(None, 1.0), moved(2, 1.0)
    for name, whole in plain.items():
        of_decay = decay[name]
        is_linear = ".layers." in name and whole.ndim == 2
        expected = of_decay + (whole - of_decay) * (2 / 8 if is_linear else 1.0)
        torch.testing.assert_close(scaled[name], expected, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(of_decay, torch.full_like(whole, -0.01 if whole.ndim == 2 else 0.0))


@pytest.mark.parametrize("settings", [SETTINGS, AFM])
def test_every_optimizer_goes_on_from_its_saved_state(settings: Optimizer) -> None:
    unbroken, first, second = linear(), linear(), linear()
    advance(unbroken, optimizer_for(unbroken, settings), range(5))
    before = optimizer_for(first, settings)
    advance(first, before, range(2))
    saved = {name: tensor.clone() for name, tensor in state_tensors(before, first).items()}
    second.load_state_dict(first.state_dict())
    after = optimizer_for(second, settings)
    load_state(after, second, saved)
    advance(second, after, range(2, 5))
    assert torch.equal(second.weight, unbroken.weight)
    assert torch.equal(second.bias, unbroken.bias)


# ---- averages --------------------------------------------------------------------------


def test_the_mean_is_rounded_once() -> None:
    """In fp32 a running sum of these would lose every 1e-5."""
    layer, average = linear(), Average()
    values = [1000.0] + [1e-5] * 99
    for value in values:
        with torch.no_grad():
            layer.bias.fill_(value)
        average.add(layer)
    small = torch.tensor(1e-5).double()
    expected = ((1000.0 + 99 * small) / 100).float()
    assert average.count == 100
    assert torch.equal(average.mean()["bias"], expected[None])
    assert average.mean()["weight"].tolist() == [[0.5, -1.0]]


def test_an_average_goes_on_from_its_saved_state() -> None:
    layers = [linear() for _ in range(3)]
    for at, layer in enumerate(layers):
        with torch.no_grad():
            layer.weight.add_(at / 3)
    unbroken, first, second = Average(), Average(), Average()
    second.load(first.tensors())
    assert (second.count, second.mean()) == (0, {})
    for layer in layers:
        unbroken.add(layer)
    first.add(layers[0])
    second.load({name: tensor.clone() for name, tensor in first.tensors().items()})
    second.add(layers[1])
    second.add(layers[2])
    assert second.count == 3
    assert torch.equal(second.mean()["weight"], unbroken.mean()["weight"])


def test_later_steps_leave_what_was_added_alone() -> None:
    layer, average = linear(), Average()
    average.add(layer)
    with torch.no_grad():
        layer.weight.zero_()
    assert average.mean()["weight"].tolist() == [[0.5, -1.0]]


# ---- a moving average ----------------------------------------------------------------------


def test_a_moving_average_begins_as_the_first_sample_and_follows_its_formula() -> None:
    layer, average = linear(), Average(rate=0.25)
    expected = None
    for value in (1.0, 2.0, -3.0, 5.0):
        with torch.no_grad():
            layer.bias.fill_(value)
        average.add(layer)
        expected = value if expected is None else 0.75 * expected + 0.25 * value
    mean = average.mean()["bias"]
    assert (mean.dtype, mean.item(), average.count) == (torch.float32, expected, 4)


def test_a_moving_average_goes_on_from_its_saved_state() -> None:
    unbroken, first, second = Average(0.1), Average(0.1), Average(0.1)
    layers = [linear() for _ in range(4)]
    for at, layer in enumerate(layers):
        with torch.no_grad():
            layer.weight.mul_(1 + at / 7)
        unbroken.add(layer)
        if at < 2:
            first.add(layer)
    second.load({name: tensor.clone() for name, tensor in first.tensors().items()})
    for layer in layers[2:]:
        second.add(layer)
    assert torch.equal(second.mean()["weight"], unbroken.mean()["weight"])
