"""Pruning: the soft mask is what its formula says, and the smaller model is the masked one."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES
from feeds import OPTIMIZER, phase
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import Cut, Desk, desk, weights
from torch import Tensor
from transformers import AutoModelForCausalLM

from lehr.compiler.plan.model import Arch, Average, Checkpoint, Experts, Origin, PruneWork, Segment, Step
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.tokens import collect, write
from lehr.runtime.parts.huggingface.written import config
from lehr.runtime.parts.model import weights as files
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load, save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.surgery.mask import SHARP, SOFT, Course, MaskedFeedForward, cut, masked
from lehr.runtime.parts.surgery.soft_top_k import soft_top_k
from lehr.runtime.stages import prune

WIDE = FAMILIES["qwen2"].model_copy(update={"layers": 2})
NARROW = WIDE.model_copy(update={"ffn": 20})
STEPS = 10
TOKENS = torch.randint(0, 96, (2, 24), generator=torch.Generator().manual_seed(3))
ONE = torch.zeros_like(TOKENS)


# ---- the mask ------------------------------------------------------------------------------


def iterated(scores: Tensor, k: float, eps: float, rounds: int) -> Tensor:
    """The recurrence itself, from b = 0, in fp64."""
    scores = scores.double()
    b = torch.zeros_like(scores)
    a = torch.zeros(())
    for _ in range(rounds):
        a = eps * torch.tensor(k, dtype=torch.float64).log() - eps * ((scores + b) / eps).logsumexp(0)
        b = (-(scores + a)).clamp(max=0)
    return ((scores + b + a) / eps).exp()


def drawn(size: int, scale: float, seed: int) -> Tensor:
    return scale * torch.randn(size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("k", "eps"), [(16, 1.0), (16, 0.05), (1, 0.3), (63, 0.1), (40.3, 0.02), (64, 0.1)])
def test_the_mask_is_the_fixed_point_of_its_recurrence(k: float, eps: float):
    scores = drawn(64, 1.0, 0)
    expected = iterated(scores, k, eps, 5000)
    torch.testing.assert_close(soft_top_k(scores.double(), k, eps), expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(soft_top_k(scores, k, eps).double(), expected, rtol=1e-5, atol=1e-6)


def test_few_rounds_of_the_recurrence_are_not_enough():
    scores = drawn(64, 1.0, 0)
    assert iterated(scores, 16, 0.05, 20).sum() < 15
    assert soft_top_k(scores, 16, 0.05).sum() == pytest.approx(16, rel=1e-6)


@given(
    size=st.integers(1, 300),
    share=st.floats(0.01, 1.0),
    scale=st.floats(1e-3, 1e3),
    eps=st.floats(1e-4, 1e3),
    ties=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=150, deadline=None)
def test_the_mask_sums_to_k_and_keeps_the_order_of_scores(
    size: int, share: float, scale: float, eps: float, ties: bool, seed: int
):
    scores = drawn(size, scale, seed)
    scores = scores.round() if ties else scores
    for k in (max(1, round(share * size)), max(share * size, 0.1)):
        mask = soft_top_k(scores, k, eps)
        assert mask.sum().item() == pytest.approx(k, rel=1e-5)
        assert mask.min() >= 0
        assert mask.max() <= 1
        assert (mask[scores.argsort()].diff() >= -1e-6).all()


def test_with_one_to_keep_it_is_a_softmax():
    scores = drawn(50, 2.0, 1)
    torch.testing.assert_close(soft_top_k(scores, 1, 0.7), (scores / 0.7).softmax(0))


def test_all_kept_are_all_ones_and_a_cold_mask_is_a_hard_one():
    scores = drawn(50, 1.0, 2)
    torch.testing.assert_close(soft_top_k(scores, 50, 0.1), torch.ones(50))
    hard = torch.zeros(50).scatter(0, scores.topk(20).indices, 1.0)
    torch.testing.assert_close(soft_top_k(scores, 20, 1e-4), hard)


@pytest.mark.parametrize(("k", "eps"), [(1, 0.5), (7, 0.3), (7, 0.05), (13.4, 0.2)])
def test_its_gradient_is_that_of_the_fixed_point(k: float, eps: float):
    scores = drawn(20, 1.0, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: soft_top_k(s, k, eps), (scores,))
    found = torch.autograd.functional.jacobian(lambda s: soft_top_k(s, k, eps), scores)
    mask = soft_top_k(scores, k, eps).detach()
    shared = mask.masked_fill(mask == 1, 0.0)
    implicit = (shared.diag() - shared.outer(shared) / shared.sum()) / eps
    torch.testing.assert_close(found, implicit)


# ---- its course ----------------------------------------------------------------------------


def test_it_begins_as_the_model_was_and_ends_hard():
    course = Course(before=48, after=20, steps=100)
    assert course.at(0) == (48, SOFT, False)
    assert course.at(20)[0] == 34
    assert [course.at(done)[0] for done in (40, 79, 80, 99)] == [20] * 4
    assert [course.at(done)[2] for done in (79, 80, 99)] == [False, True, True]
    temperatures = [course.at(done)[1] for done in range(81)]
    assert temperatures == sorted(temperatures, reverse=True)
    assert temperatures[-1] == SHARP


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_last_of_few_steps_is_hard(steps: int):
    assert Course(before=48, after=20, steps=steps).at(steps - 1) == (20, SHARP, True)


# ---- the cut -------------------------------------------------------------------------------


def random(arch: Arch) -> Decoder:
    model = Decoder(arch)
    initialise(model, 0.2, 1)
    return model


@pytest.mark.parametrize("family", ["llama", "qwen2_tied", "afm", "gemma2"])
@torch.no_grad()
def test_a_model_with_its_first_masks_is_what_it_was_and_cut_it_is_the_masked_one(family: str):
    arch = FAMILIES[family]
    model = random(arch)
    whole = model(TOKENS, ONE, None)
    masks = masked(model)
    assert len(masks) == arch.layers
    torch.testing.assert_close(model(TOKENS, ONE, None), whole, rtol=1e-5, atol=1e-6)
    for mask in masks:
        mask.turn(20, SHARP, hard=True)
        assert sorted(mask.mask().tolist()) == [0.0] * 28 + [1.0] * 20
    smaller = cut(model, arch.model_copy(update={"ffn": 20}))
    torch.testing.assert_close(smaller(TOKENS, ONE, None), model(TOKENS, ONE, None), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(smaller(TOKENS, ONE, None), whole, atol=0.01)


@torch.no_grad()
def test_units_that_a_model_does_not_use_are_those_that_go():
    model = random(WIDE)
    useless = [(7 * place) % 48 for place in range(28)]
    for layer in model.model.layers:
        layer.mlp.up_proj.weight[useless] *= 1e-4
    expected = model(TOKENS, ONE, None)
    for mask in masked(model):
        mask.turn(20, SHARP, hard=True)
        assert mask.stays_F[useless].sum() == 0
    torch.testing.assert_close(cut(model, NARROW)(TOKENS, ONE, None), expected, rtol=1e-2, atol=1e-2)


def test_layers_with_experts_keep_theirs():
    experts = Experts(count=4, active=2, ffn=12, shared_ffn=12, renormalise=False, balance=0.0, every=2)
    arch = FAMILIES["qwen2_moe"].model_copy(update={"experts": experts})
    model = random(arch)
    masks = masked(model)
    assert len(masks) == 2
    for mask in masks:
        mask.turn(20, SHARP, hard=True)
    with torch.no_grad():
        found = cut(model, arch.model_copy(update={"ffn": 20}))(TOKENS, ONE, None)
        torch.testing.assert_close(found, model(TOKENS, ONE, None), rtol=1e-5, atol=1e-5)


# ---- the stage -----------------------------------------------------------------------------

WORK = PruneWork(
    phases=(phase(6, 8, 4, a=("1", "1/4"), b=("0", "3/4")), phase(4, 16, 2, b=("1", "1"))),
    lr=(Segment(start=0, end=STEPS, first=0.02, last=0.002),),
    optimizer=OPTIMIZER,
    average=None,
    rng=3,
    earlier=1,
    arch=NARROW,
    method="soft_top_k",
    axes=("ffn",),
)


def step(work: PruneWork) -> Step:
    return Step(
        address="slim",
        fingerprint="0" * 64,
        inputs={},
        work=work,
        origin=Origin(path="spec.lehr", line=1, column=1),
        checkpoint=Checkpoint(every=3, keep=2),
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model, and two corpora in which numbers are counted upwards in steps of 1 and of 3."""
    tmp_path = tmp_path_factory.mktemp("inputs")
    for name, stride in (("a", 1), ("b", 3)):
        (tmp_path / name).mkdir()
        documents = [[(at + stride * n) % 96 for n in range(5 + at % 9)] for at in range(30)]
        for part in ("train", "heldout"):
            write(tmp_path / name / f"{part}.safetensors", collect(documents, 96))
    (tmp_path / "model").mkdir()
    save(random(WIDE), tmp_path / "model")
    return {"model": tmp_path / "model", "tokens:a": tmp_path / "a", "tokens:b": tmp_path / "b"}


@dataclass
class Watched(Desk):
    """A room whose gate measures the model before every step."""

    measured: dict[int, Tensor] = field(default_factory=dict)
    last: Any = None
    facts: dict[str, Any] = field(default_factory=dict)

    def gate(self, done: int, model: Any, save: Any) -> None:
        with torch.no_grad():
            self.measured[done] = model(TOKENS, ONE, None)
        self.last = model


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, inputs: dict[str, Path]) -> Watched:
    room = Watched(tmp_path_factory.mktemp("slim"))
    room.facts = prune.run(step(WORK), inputs, room)
    return room


def test_the_stage_leaves_an_ordinary_smaller_model(unbroken: Watched, inputs: dict[str, Path]):
    assert (unbroken.facts["steps"], unbroken.facts["ffn"]) == (STEPS, [48, 20])
    slim = load(unbroken.folder)
    assert slim.arch == NARROW.model_copy(update={"rope": 10_000.0})
    with torch.no_grad():
        found, start = slim(TOKENS, ONE, None), load(inputs["model"])(TOKENS, ONE, None)
        torch.testing.assert_close(found, unbroken.last(TOKENS, ONE, None), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(unbroken.measured[0], start, rtol=1e-5, atol=1e-5)
    assert [part.hard for part in unbroken.last.modules() if isinstance(part, MaskedFeedForward)] == [
        True
    ] * 2
    told = json.loads((unbroken.folder / "history.json").read_text())["entries"]
    assert [(one["kind"], one["steps"], one["context"]) for one in told] == [("prune", STEPS, 16)]


def test_transformers_computes_the_same_from_its_folder(tmp_path: Path, unbroken: Watched):
    slim = load(unbroken.folder)
    (tmp_path / "config.json").write_text(json.dumps(config(slim.arch, 128, None, None)))
    files.write(slim, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    with torch.no_grad():
        torch.testing.assert_close(slim(TOKENS, ONE, None), theirs(TOKENS).logits, rtol=1e-4, atol=1e-5)


def test_scores_are_learned_until_the_mask_is_hard(unbroken: Watched):
    scores = [
        (done, tensors["weights.model.layers.1.mlp.scores"])
        for done, tensors, _ in unbroken.checkpoints.states
    ]
    (three, early), (six, middle), (nine, late) = scores
    assert (three, six, nine) == (3, 6, 9)
    assert not torch.equal(early, middle)
    chosen = unbroken.last.model.layers[1].mlp.stays_F
    assert chosen.nonzero().flatten().tolist() == sorted(late.topk(20).indices.tolist())


@pytest.mark.parametrize("cut_after", [2, 7, 10])
def test_cut_off_anywhere_it_ends_the_same(
    tmp_path: Path, inputs: dict[str, Path], unbroken: Watched, cut_after: int
):
    room = desk(tmp_path / "cut", cut_after=cut_after)
    with pytest.raises(Cut):
        prune.run(step(WORK), inputs, room)
    again = Watched(room.folder, checkpoints=room.checkpoints)
    assert prune.run(step(WORK), inputs, again) == unbroken.facts
    assert weights(room.folder) == weights(unbroken.folder)
    for done, seen in again.measured.items():  # gates too see what they would have seen
        assert torch.equal(seen, unbroken.measured[done])


def test_with_an_average_what_stays_is_what_was_trained_hard(tmp_path: Path, inputs: dict[str, Path]):
    room = Watched(tmp_path / "slim")
    room.folder.mkdir()
    work = WORK.model_copy(update={"average": Average(first=1, every=1)})
    prune.run(step(work), inputs, room)
    with torch.no_grad():
        found = load(room.folder)(TOKENS, ONE, None)
        torch.testing.assert_close(found, room.last(TOKENS, ONE, None), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"ffn": 48}, "ffn: the target has 48, the model 48"),
        ({"ffn": 64}, "ffn: the target has 64, the model 48"),
        ({"width": 64}, "width: the target has 64, the model 32"),
        ({"vocab": 128}, "vocab: the target has 128, the model 96"),
        ({"norm_eps": 1e-3}, "norm_eps: the target has 0.001, the model 1e-06"),
    ],
)
def test_a_target_that_is_no_part_of_the_model_is_a_letter(
    tmp_path: Path, inputs: dict[str, Path], change: dict[str, Any], note: str
):
    work = WORK.model_copy(update={"arch": NARROW.model_copy(update=change)})
    with pytest.raises(StageError) as told:
        prune.run(step(work), inputs, desk(tmp_path / "slim"))
    assert (told.value.code, told.value.name, told.value.step) == ("RUN190", "not-a-part", "slim")
    assert told.value.notes == (note,)
    assert list((tmp_path / "slim").iterdir()) == []


def test_a_model_of_experts_alone_has_nothing_to_prune(tmp_path: Path, inputs: dict[str, Path]):
    arch = FAMILIES["qwen2_moe"]
    save(random(arch), tmp_path)
    work = WORK.model_copy(update={"arch": arch.model_copy(update={"ffn": 20})})
    with pytest.raises(StageError, match="cannot be cut out") as told:
        prune.run(step(work), inputs | {"model": tmp_path}, desk(tmp_path / "slim"))
    assert told.value.notes == ("every layer has experts, which are not pruned",)
