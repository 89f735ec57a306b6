"""The online merging optimizer: each step against its formula in fp64, and the stage around it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES
from feeds import OPTIMIZER, phase
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import Cut, Desk, desk, weights
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lehr.compiler.plan.model import (
    AdamW,
    Arch,
    Checkpoint,
    MergeBack,
    Origin,
    RMSProp,
    Segment,
    Step,
    TrainWork,
)
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.tokens import collect, write
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.optim.merge_back import Merging, merged, thinned
from lehr.runtime.parts.optim.optimizer import optimizer_for, set_rate
from lehr.runtime.parts.seeds import seed
from lehr.runtime.stages import train

RATE, DECAY, EPS = 0.01, 0.1, 0.1
"""A large eps, or all entries of the first step would be of one size, and none the largest."""
ADAM = AdamW(betas=(0.9, 0.95), eps=EPS, decay=DECAY, clip=None)
RMS = RMSProp(betas=(0.9, 0.95), eps=1e-8, decay=DECAY, clip=None)


def back(method: str = "dare", reserve: float = 1.0, every: int = 1, rate: float = 0.3) -> MergeBack:
    return MergeBack(rate=rate, method=method, reserve=reserve, every=every)  # type: ignore[arg-type]


class Two(nn.Module):
    """A matrix, which decays, and a vector, which does not."""

    def __init__(self) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(1)
        self.matrix = nn.Parameter(torch.randn(6, 8, generator=source))
        self.vector = nn.Parameter(torch.randn(8, generator=source))

    def push(self, step: int) -> None:
        source = torch.Generator().manual_seed(100 + step)
        for parameter in self.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=source)


def difference() -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(2)
    return {
        name: 0.7 * torch.randn(parameter.shape, generator=source)
        for name, parameter in Two().named_parameters()
    }


class Expected:
    """The same in fp64, written out: Adam's step, the thinning, the vote, the sum, the decay."""

    def __init__(self, settings: MergeBack, rng: int) -> None:
        self.settings, self.rng, self.step = settings, rng, 0
        self.w = {name: one.detach().double() for name, one in Two().named_parameters()}
        self.m = {name: torch.zeros_like(one) for name, one in self.w.items()}
        self.v = {name: torch.zeros_like(one) for name, one in self.w.items()}
        self.drift = {name: torch.zeros_like(one) for name, one in self.w.items()}
        self.tau = {
            name: self.thin(one.double(), "tau", name).clamp(-1, 1) for name, one in difference().items()
        }

    def thin(self, values: Tensor, *purpose: Any) -> Tensor:
        kept = self.settings.reserve
        if kept == 1:
            return values
        if self.settings.method == "dare":
            source = torch.Generator().manual_seed(seed(self.rng, "merge_back", *purpose))
            return torch.where(torch.rand(values.shape, generator=source) < kept, values / kept, 0.0)
        size = values.abs().flatten().sort(descending=True).values[round(kept * values.numel()) - 1]
        return torch.where(values.abs() >= size, values, 0.0)

    def move(self, gradients: dict[str, Tensor]) -> None:
        self.step += 1
        for name, g in gradients.items():
            g = g.double()
            self.m[name] = 0.9 * self.m[name] + 0.1 * g
            self.v[name] = 0.95 * self.v[name] + 0.05 * g * g
            m, v = self.m[name] / (1 - 0.9**self.step), self.v[name] / (1 - 0.95**self.step)
            delta = -RATE * m / (v.sqrt() + EPS)
            if self.step % self.settings.every:
                self.drift[name] += delta
                self.w[name] = self.w[name] + delta
            else:
                start = self.w[name] - self.drift[name]
                self.w[name] = start + self.merge(
                    self.tau[name], self.thin(delta + self.drift[name], self.step, name)
                )
                self.drift[name] = torch.zeros_like(delta)
            if name == "matrix":
                self.w[name] = self.w[name] * (1 - RATE * DECAY)

    def merge(self, tau: Tensor, delta: Tensor) -> Tensor:
        if self.settings.method == "ties":
            total = tau + delta
            tau = torch.where(tau * total > 0, tau, 0.0)
            delta = torch.where(delta * total > 0, delta, 0.0)
        return self.settings.rate * tau + (1 - self.settings.rate) * delta


def stepped(settings: MergeBack, steps: int, optimizer: Any = ADAM) -> list[dict[str, Tensor]]:
    """The weights after every step."""
    model, found = Two(), []
    stepper = optimizer_for(model, optimizer)
    Merging(stepper, model, difference(), settings, 4)
    for step in range(steps):
        model.push(step)
        set_rate(stepper, RATE)
        stepper.step()
        found.append({name: one.detach().clone() for name, one in model.named_parameters()})
    return found


# ---- a step --------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("reserve", [1.0, 0.25])
@pytest.mark.parametrize("method", ["dare", "ties"])
def test_every_step_is_that_of_the_formula_in_fp64(method: str, reserve: float, every: int):
    chosen = back(method, reserve, every)
    expected = Expected(chosen, 4)
    for step, found in enumerate(stepped(chosen, 7)):
        model = Two()
        model.push(step)
        expected.move({name: one.grad for name, one in model.named_parameters() if one.grad is not None})
        for name, one in found.items():
            torch.testing.assert_close(one.double(), expected.w[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("optimizer", [ADAM, RMS], ids=["adamw", "rmsprop"])
def test_between_merges_all_parameters_move_as_without_one(optimizer: Any):
    alone, steps = Two(), []
    stepper = optimizer_for(alone, optimizer.model_copy(update={"decay": 0.0}))
    for step in range(3):
        alone.push(step)
        set_rate(stepper, RATE)
        stepper.step()
        steps.append({name: one.detach().clone() for name, one in alone.named_parameters()})
    found = stepped(back(every=4), 4, optimizer.model_copy(update={"decay": 0.0}))
    before = {name: one.detach() for name, one in Two().named_parameters()}
    for one, other in zip(found, steps, strict=False):
        for name in before:
            torch.testing.assert_close(one[name], other[name], rtol=1e-6, atol=1e-6)
            assert (one[name] != before[name]).all()
        before = one
    assert not torch.allclose(found[3]["matrix"], found[2]["matrix"], atol=0.05)  # the merge


def test_the_difference_is_added_at_every_merge_whatever_the_gradient_says():
    model = Two()
    start = {name: one.detach().clone() for name, one in model.named_parameters()}
    stepper = optimizer_for(model, ADAM)
    Merging(stepper, model, difference(), back(rate=1e-3), 4)
    for step in range(10):
        model.push(step)
        set_rate(stepper, 0.0)
        stepper.step()
    for name, one in model.named_parameters():
        expected = start[name] + 10 * 1e-3 * difference()[name].clamp(-1, 1)
        torch.testing.assert_close(one.detach(), expected, rtol=1e-5, atol=1e-6)


def test_a_parameter_that_has_no_difference_is_stepped_alone():
    model, other = Two(), Two()
    merging, alone = optimizer_for(model, ADAM), optimizer_for(other, ADAM)
    Merging(merging, model, {"matrix": difference()["matrix"]}, back(), 4)
    for one, stepper in ((model, merging), (other, alone)):
        one.push(0)
        set_rate(stepper, RATE)
        stepper.step()
    assert torch.equal(model.vector, other.vector)
    assert not torch.equal(model.matrix, other.matrix)


def test_a_draw_elects_neither_side():
    settings = back("ties", rate=0.25)
    tau, delta = torch.tensor([1.0, 1.0, 2.0, 0.0]), torch.tensor([-1.0, 1.0, -1.0, -3.0])
    assert merged(tau, delta, settings).tolist() == [0.0, 1.0, 0.5, -2.25]


@given(size=st.integers(1, 400), reserve=st.floats(0.01, 1.0), rng=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_thinning_keeps_what_it_says(size: int, reserve: float, rng: int):
    source = torch.Generator().manual_seed(rng)
    values = torch.randn(size, generator=source)
    kept = thinned(values, back("ties", reserve), source)
    assert int((kept != 0).sum()) == max(1, round(reserve * size))
    assert torch.equal(kept[kept != 0], values[kept != 0])
    assert kept.abs().max() == values.abs().max()
    dropped = thinned(values, back("dare", reserve), source)
    alive = dropped != 0
    torch.testing.assert_close(dropped[alive], values[alive] / reserve)
    assert abs(int(alive.sum()) - reserve * size) <= 6 * (size * reserve * (1 - reserve)) ** 0.5 + 1


# ---- the stage -----------------------------------------------------------------------------

ARCH = FAMILIES["qwen2_moe"].model_copy(update={"layers": 2})
STEPS = 7
WORK = TrainWork(
    phases=(phase(STEPS, 8, 4, a=("1", "1")),),
    lr=(Segment(start=0, end=STEPS, first=0.01, last=0.002),),
    optimizer=OPTIMIZER,
    average=None,
    merge_back=back("dare", 0.5, every=3, rate=0.01),
    rng=3,
    earlier=2,
)


def step(work: TrainWork) -> Step:
    return Step(
        address="aligned",
        fingerprint="0" * 64,
        inputs={"model": "taught", "merge_back": "taught", "merge_base": "grown"},
        work=work,
        origin=Origin(path="spec.lehr", line=1, column=1),
        checkpoint=Checkpoint(every=2, keep=2),
    )


def drawn(arch: Arch, rng: int, folder: Path) -> Path:
    model = Decoder(arch)
    initialise(model, 0.2, rng)
    folder.mkdir(exist_ok=True)
    save(model, folder)
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    documents = [[(at + n) % 96 for n in range(5 + at % 9)] for at in range(30)]
    (folder / "a").mkdir()
    for part in ("train", "heldout"):
        write(folder / "a" / f"{part}.safetensors", collect(documents, 96))
    taught, grown = drawn(ARCH, 1, folder / "taught"), drawn(ARCH, 2, folder / "grown")
    return {"model": taught, "merge_back": taught, "merge_base": grown, "tokens:a": folder / "a"}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, inputs: dict[str, Path]) -> Desk:
    room = Desk(tmp_path_factory.mktemp("aligned"))
    train.run(step(WORK), inputs, room)
    return room


@pytest.mark.parametrize("cut_after", [2, 4, 6])
def test_cut_off_between_merges_it_ends_the_same(
    tmp_path: Path, inputs: dict[str, Path], unbroken: Desk, cut_after: int
):
    room = desk(tmp_path / "cut", cut_after=cut_after)
    with pytest.raises(Cut):
        train.run(step(WORK), inputs, room)
    train.run(step(WORK), inputs, desk(room.folder, checkpoints=room.checkpoints))
    assert weights(room.folder) == weights(unbroken.folder)


def test_what_is_merged_is_what_was_learned_since_the_base(tmp_path: Path, inputs: dict[str, Path]):
    """At a learning rate of 0 a model moves by rate · (taught - grown) at every merge, experts and all."""
    work = WORK.model_copy(
        update={
            "lr": (Segment(start=0, end=STEPS, first=0.0, last=0.0),),
            "merge_back": back("dare", 1.0, every=1, rate=0.01),
        }
    )
    train.run(step(work), inputs, desk(tmp_path / "aligned"))
    taught, grown = (load_file(inputs[role] / "model.safetensors") for role in ("model", "merge_base"))
    found = load_file(tmp_path / "aligned" / "model.safetensors")
    assert found.keys() == taught.keys()
    for name, one in found.items():
        moved = (taught[name] - grown[name]).clamp(-1, 1)
        torch.testing.assert_close(one, taught[name] + STEPS * 0.01 * moved, rtol=1e-5, atol=1e-5)


def test_what_weights_moved_since_the_last_merge_is_saved(unbroken: Desk):
    drifts = {
        done: [tensor for name, tensor in tensors.items() if name.startswith("optim.drift.")]
        for done, tensors, _ in unbroken.checkpoints.states
    }
    assert len(drifts[2]) == sum(1 for _ in Decoder(ARCH).parameters())
    assert {done: any(tensor.any() for tensor in found) for done, found in drifts.items()} == {
        2: True,
        4: True,
        6: False,
    }


def test_without_it_the_stage_ends_elsewhere(tmp_path: Path, inputs: dict[str, Path], unbroken: Desk):
    plain = {role: path for role, path in inputs.items() if not role.startswith("merge")}
    train.run(step(WORK.model_copy(update={"merge_back": None})), plain, desk(tmp_path / "plain"))
    assert weights(tmp_path / "plain") != weights(unbroken.folder)


@pytest.mark.parametrize("role", ["merge_back", "merge_base"])
def test_a_model_of_another_shape_is_a_letter(tmp_path: Path, inputs: dict[str, Path], role: str):
    other = drawn(ARCH.model_copy(update={"qkv_bias": False}), 1, tmp_path / "other")
    with pytest.raises(StageError) as found:
        train.run(step(WORK), inputs | {role: other}, desk(tmp_path / "aligned"))
    assert (found.value.code, found.value.name) == ("RUN192", "merge-back-unlike")
    name = step(WORK).inputs[role]
    assert found.value.notes == (f"qkv_bias: True in the model of `aligned`, False in `{name}`",)


def test_a_base_that_lacks_a_tensor_or_holds_none_is_a_letter(tmp_path: Path, inputs: dict[str, Path]):
    base = drawn(ARCH, 2, tmp_path / "base")
    tensors = load_file(base / "model.safetensors")
    name = "model.layers.1.mlp.experts.3.up_proj.weight"
    save_file({key: one for key, one in tensors.items() if key != name}, base / "model.safetensors")
    with pytest.raises(StageError) as gone:
        train.run(step(WORK), inputs | {"merge_base": base}, desk(tmp_path / "aligned"))
    assert (gone.value.code, gone.value.notes) == ("RUN109", (f"{name}: wanted [12, 32], not there",))
    save_file(tensors | {name: tensors[name] / 0}, base / "model.safetensors")
    with pytest.raises(StageError) as bad:
        train.run(step(WORK), inputs | {"merge_base": base}, desk(tmp_path / "aligned"))
    assert (bad.value.code, bad.value.headline) == (
        "RUN125",
        f"`grown`: `{name}` holds numbers that are not finite",
    )
