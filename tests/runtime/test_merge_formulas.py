"""Merges against computations of their own, of whole tensors in fp64."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from merging import ARCH, constant, cut, give, merged, tensors, work
from torch import Tensor

from lehr.runtime.parts.merging.mixing import moving_average, slerp
from lehr.runtime.parts.seeds import seed

Flat = dict[str, Tensor]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return give(tmp_path / "base")


@pytest.fixture
def three(tmp_path: Path, base: Path) -> list[Path]:
    return [give(tmp_path / f"part{rng}", rng=rng, like=base) for rng in (2, 3, 4)]


@pytest.fixture(autouse=True)
def tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch, 53)


def agree(found: Flat, wanted: Flat) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-6, atol=1e-8)


# ---- straight lines -------------------------------------------------------------------


def test_linear_is_the_weighted_sum(tmp_path: Path, three: list[Path]):
    weights = (Fraction(1, 5), Fraction(1, 2), Fraction(3, 10))
    found, facts = merged(tmp_path / "out", three, work("linear", 3, weights=weights))
    parts = [tensors(one) for one in three]
    agree(found, {name: 0.2 * parts[0][name] + 0.5 * parts[1][name] + 0.3 * parts[2][name] for name in found})
    assert facts["models"] == 3


def test_models_that_agree_come_out_as_they_went_in(tmp_path: Path, base: Path):
    thirds = (Fraction(1, 3),) * 3
    for method, other in (("linear", None), ("slerp", base), ("ties", base), ("dare", base)):
        found, _ = merged(tmp_path / method, [base] * 3, work(method, 3, weights=thirds), other)
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors(base).items())


def test_a_model_of_all_the_weight_is_the_merge(tmp_path: Path, three: list[Path]):
    weights = (Fraction(0), Fraction(1), Fraction(0))
    found, _ = merged(tmp_path / "out", three, work("linear", 3, weights=weights))
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors(three[1]).items())


def test_a_step_back_to_the_start_is_a_linear_merge(tmp_path: Path, base: Path, three: list[Path]):
    weights = (Fraction(7, 10), Fraction(3, 10))
    found, _ = merged(tmp_path / "out", [base, three[0]], work("linear", 2, weights=weights))
    start, end = tensors(base), tensors(three[0])
    agree(found, {name: start[name] + 0.3 * (end[name] - start[name]) for name in found})


def test_a_moving_average_is_taken_step_by_step(tmp_path: Path, three: list[Path]):
    found, _ = merged(tmp_path / "out", three, work("ema", 3, rate=0.25))
    mean = tensors(three[0])
    for one in three[1:]:
        mean = {name: 0.75 * mean[name] + 0.25 * part for name, part in tensors(one).items()}
    agree(found, mean)
    assert sum(moving_average(7, 0.01)) == pytest.approx(1.0, abs=1e-15)


def test_small_steps_are_not_lost(tmp_path: Path):
    """A running mean in bf16 stands still below 2^-8 of a weight; here the mean of eight is rounded once."""
    base = give(tmp_path / "base")
    parts = [give(tmp_path / f"near{rng}", rng=rng, like=base, step=1e-6) for rng in range(2, 10)]
    found, _ = merged(tmp_path / "out", parts, work("linear", 8))
    start, ends = tensors(base), [tensors(one) for one in parts]
    for name in found:
        wanted = sum(end[name] for end in ends) / 8
        assert (found[name] - wanted).abs().max() <= 2**-24 * start[name].abs().max() * 1.01


# ---- spheres --------------------------------------------------------------------------


def between(one: Tensor, other: Tensor, part: float) -> Tensor:
    """Shoemake's formula on two flat vectors."""
    angle = math.acos(float(one @ other / one.norm() / other.norm()))
    return (math.sin((1 - part) * angle) * one + math.sin(part * angle) * other) / math.sin(angle)


def layer_of(name: str) -> str:
    return ".".join(name.split(".")[:3]) if name.startswith("model.layers.") else name


@pytest.mark.parametrize("per", ["tensor", "layer", "whole"])
def test_task_vectors_meet_on_a_sphere(tmp_path: Path, base: Path, three: list[Path], per: str):
    found, facts = merged(tmp_path / "out", three, work("slerp", 3, per=per), base)
    start = tensors(base)
    deltas = [{name: part - start[name] for name, part in tensors(one).items()} for one in three]
    keys = {"tensor": lambda name: name, "layer": layer_of, "whole": lambda name: ""}[per]
    for key in {keys(name) for name in start}:
        names = [name for name in start if keys(name) == key]
        first, second, third = (torch.cat([one[name].flatten() for name in names]) for one in deltas)
        mean = between(between(first, second, 1 / 2), third, 1 / 3)
        for name, piece in zip(names, mean.split([start[name].numel() for name in names]), strict=True):
            torch.testing.assert_close(
                found[name], start[name] + piece.view(start[name].shape), rtol=1e-6, atol=1e-8
            )
    assert set(facts["cosine"]) == {"least", "mean", "most"}


def test_weights_themselves_are_turned_where_there_is_no_base(tmp_path: Path, three: list[Path]):
    weights = (Fraction(1, 4), Fraction(3, 4))
    found, _ = merged(tmp_path / "out", three[:2], work("slerp", 2, per="tensor", weights=weights))
    one, other = (tensors(folder) for folder in three[:2])
    name = "model.layers.0.self_attn.q_proj.weight"
    wanted = between(one[name].flatten(), other[name].flatten(), 0.75).view_as(one[name])
    torch.testing.assert_close(found[name], wanted, rtol=1e-6, atol=1e-8)


def even(gram: Tensor) -> list[float]:
    return slerp(gram.double(), [1 / len(gram)] * len(gram))[0]


def test_orthogonal_directions_keep_their_length():
    assert even(torch.eye(2)) == pytest.approx([math.sqrt(0.5)] * 2)
    assert even(torch.eye(3)) == pytest.approx([0.6123724, 0.6123724, 0.5])
    for many in (2, 3, 6):
        assert math.hypot(*even(torch.eye(many))) == pytest.approx(1.0)


def test_the_order_of_more_than_two_counts():
    forth, back = even(torch.eye(3)), even(torch.eye(3))[::-1]
    assert forth != pytest.approx(back)


@pytest.mark.parametrize("cosine", [1.0, 1.0 + 1e-12, 1.0 - 1e-17, -1.0, -1.0 - 1e-12])
def test_parallel_directions_meet_on_a_line(cosine: float):
    assert even(torch.tensor([[1.0, cosine], [cosine, 1.0]], dtype=torch.float64)) == [0.5, 0.5]


@pytest.mark.parametrize("cosine", [1 - 1e-10, 1 - 1e-6, 0.9996, 0.3, -0.99])
def test_near_directions_are_not_taken_for_parallel(cosine: float):
    one, other = slerp(torch.tensor([[1.0, cosine], [cosine, 1.0]], dtype=torch.float64), [0.8, 0.2])[0]
    assert math.sqrt(one**2 + other**2 + 2 * one * other * cosine) == pytest.approx(1.0, abs=1e-9)


def test_a_model_that_has_not_moved_has_no_angle():
    assert slerp(torch.tensor([[0.0, 0.0], [0.0, 1.0]], dtype=torch.float64), [0.5, 0.5]) == ([0.5, 0.5], [])
    assert even(torch.zeros(3, 3)) == pytest.approx([1 / 3] * 3)


def test_models_of_no_weight_count_for_nothing():
    gram = torch.eye(3, dtype=torch.float64)
    assert slerp(gram, [0.0, 0.0, 1.0])[0] == pytest.approx([0, 0, 1])
    assert slerp(gram, [1.0, 0.0, 0.0])[0] == pytest.approx([1, 0, 0])


def test_whole_weights_of_near_models_have_no_angle_to_speak_of(
    tmp_path: Path, base: Path, three: list[Path]
):
    """Which is why `slerp` asks for a base: the same two models, once by their weights and once by what they learnt."""
    near = [give(tmp_path / f"near{rng}", rng=rng, like=base, step=1e-3) for rng in (2, 3)]
    _, whole = merged(tmp_path / "whole", near, work("slerp", 2, per="whole"))
    _, learnt = merged(tmp_path / "learnt", near, work("slerp", 2, per="whole"), base)
    assert whole["cosine"]["mean"] > 0.9999
    assert abs(learnt["cosine"]["mean"]) < 0.2


# ---- few numbers ----------------------------------------------------------------------


def trimmed(delta: Tensor, density: Fraction) -> Tensor:
    """A task vector's largest numbers; of equals the first ones."""
    flat = delta.flatten()
    order = torch.argsort(flat.float().abs(), descending=True, stable=True)
    mask = torch.zeros_like(flat)
    mask[order[: max(1, math.floor(density * len(flat)))]] = 1
    return (flat * mask).view_as(delta)


@pytest.mark.parametrize("density", [Fraction(1), Fraction(1, 2), Fraction(29, 100), Fraction(1, 10**6)])
def test_ties_trims_elects_and_averages(tmp_path: Path, base: Path, three: list[Path], density: Fraction):
    weights = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4))
    found, _ = merged(tmp_path / "out", three, work("ties", 3, weights=weights, density=density), base)
    start, parts = tensors(base), [tensors(one) for one in three]
    wanted: Flat = {}
    for name in start:
        kept = torch.stack([trimmed(part[name] - start[name], density) for part in parts])
        share = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64).view(3, *[1] * start[name].ndim)
        sign = (share * kept).sum(0).sign()
        agrees = (kept.sign() == sign) & (kept != 0)
        total = (share * agrees).sum(0)
        mean = (share * kept * agrees).sum(0) / total.where(total > 0, torch.ones_like(total))
        wanted[name] = start[name] + mean
    agree(found, wanted)


def test_ties_among_equals_keep_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Differences that are all of one size: just as many stay as were asked for, over the edges of tiles."""
    cut(monkeypatch, 10)
    part, base = constant(tmp_path / "part", 1.5), constant(tmp_path / "base", 1.0)
    found, _ = merged(tmp_path / "out", [part], work("ties", 1, density=Fraction(1, 3)), base)
    for tensor in found.values():
        kept = tensor.numel() // 3
        assert tensor.flatten().tolist() == [1.5] * kept + [1.0] * (tensor.numel() - kept)


def test_ties_moves_nothing_where_no_sign_wins(tmp_path: Path):
    """Half up and half down is no majority, in whichever order they stand."""
    up, down, base = (constant(tmp_path / str(value), value) for value in (1.0, -1.0, 0.0))
    for pair in ([up, down], [down, up]):
        found, _ = merged(tmp_path / f"out{pair[0].name}", pair, work("ties", 2), base)
        assert all(not tensor.any() for tensor in found.values())


@pytest.mark.parametrize("tile", [53, 96, 1 << 16])
def test_dare_drops_and_rescales(
    tmp_path: Path, base: Path, three: list[Path], tile: int, monkeypatch: pytest.MonkeyPatch
):
    """The mask is a function of the seed, the model's place and the tensor's name; tiles do not show."""
    cut(monkeypatch, tile)
    found, _ = merged(tmp_path / "out", three, work("dare", 3, density=Fraction(1, 4), rng=11), base)
    start, parts = tensors(base), [tensors(one) for one in three]
    wanted: Flat = {}
    for name in start:
        moved = torch.zeros_like(start[name])
        for place, part in enumerate(parts):
            draw = torch.Generator().manual_seed(seed(11, "dare", place, name))
            mask = (torch.rand(start[name].numel(), generator=draw) < 0.25).view_as(start[name])
            moved += (part[name] - start[name]) * mask / 0.25 / 3
        wanted[name] = start[name] + moved
    agree(found, wanted)


def test_dare_is_right_on_average(tmp_path: Path, base: Path, three: list[Path]):
    """Dividing by the share that is left keeps the mean: over many seeds the merge is the linear one."""
    plain, _ = merged(tmp_path / "plain", three, work("linear", 3))
    start, name = tensors(base), "model.embed_tokens.weight"
    draws = [
        merged(tmp_path / f"out{rng}", three, work("dare", 3, density=Fraction(1, 2), rng=rng), base)[0][name]
        for rng in range(12)
    ]
    off = (torch.stack(draws).mean(0) - plain[name]).pow(2).mean().sqrt()
    one = (draws[0] - plain[name]).pow(2).mean().sqrt()
    assert off < one / math.sqrt(12) * 1.3
    assert one > 0.3 * (plain[name] - start[name]).pow(2).mean().sqrt()


def test_tied_weights_are_merged_once(tmp_path: Path, three: list[Path]):
    found, facts = merged(tmp_path / "out", three, work("linear", 3))
    assert ARCH.tied
    assert "lm_head.weight" not in found
    assert facts["params"] == sum(tensor.numel() for tensor in found.values())
