"""Learning rates, AdamW and averages, against numbers worked out by hand."""

from math import cos, pi, sqrt

import pytest
import torch
from torch import nn

from lehr.compiler.plan.model import AdamW, Segment, rate
from lehr.runtime.parts.optim.adamw import adamw, load_state, state_tensors
from lehr.runtime.parts.optim.average import Average

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
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        layer.weight.grad = torch.tensor([[1.0 + step, -0.5]])
        layer.bias.grad = torch.tensor([0.2])
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
    advance(layer, adamw(layer, SETTINGS), range(3))
    expected = [by_hand(0.5, [1.0, 2.0, 3.0], 0.1), by_hand(-1.0, [-0.5] * 3, 0.1)]
    assert layer.weight[0].tolist() == pytest.approx(expected, rel=1e-6)
    assert layer.bias.item() == pytest.approx(by_hand(0.25, [0.2] * 3, 0.0), rel=1e-6)


def test_the_optimizer_goes_on_from_its_saved_state() -> None:
    unbroken = linear()
    advance(unbroken, adamw(unbroken, SETTINGS), range(5))

    first = linear()
    optimizer = adamw(first, SETTINGS)
    advance(first, optimizer, range(2))
    saved = {name: tensor.clone() for name, tensor in state_tensors(optimizer, first).items()}
    second = linear()
    second.load_state_dict(first.state_dict())
    optimizer = adamw(second, SETTINGS)
    load_state(optimizer, second, saved)
    advance(second, optimizer, range(2, 5))
    assert torch.equal(second.weight, unbroken.weight)
    assert torch.equal(second.bias, unbroken.bias)


def test_state_has_flat_names_and_none_before_the_first_step() -> None:
    layer = linear()
    optimizer = adamw(layer, SETTINGS)
    assert state_tensors(optimizer, layer) == {}
    advance(layer, optimizer, range(1))
    assert sorted(state_tensors(optimizer, layer)) == [
        f"optim.{moment}.{name}"
        for moment in ("exp_avg", "exp_avg_sq", "step")
        for name in ("bias", "weight")
    ]


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
