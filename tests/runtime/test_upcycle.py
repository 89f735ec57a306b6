"""Upcycling: which hidden units an expert gets, which are drawn anew, and when the mixture is the dense model."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import desk, weights
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from lehr.compiler.plan.model import Arch, Experts, Origin, Step, UpcycleWork
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.huggingface.written import config
from lehr.runtime.parts.model import weights as files
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load, save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.surgery.upcycling import ROUTER_STD, Cut
from lehr.runtime.stages import upcycle

DENSE = FAMILIES["qwen2"].model_copy(update={"layers": 2})  # 48 hidden units
FINE = Experts(count=7, active=3, ffn=20, shared_ffn=30, renormalise=False, balance=0.0, every=1)
"""170 units of experts out of 48: four copies, of which 22 units are dropped."""
WHOLE = Experts(count=4, active=2, ffn=48, shared_ffn=0, renormalise=True, balance=0.0, every=1)
"""Every expert is a whole feed-forward."""
TOKENS = torch.randint(0, 96, (2, 24), generator=torch.Generator().manual_seed(3))
ONE = torch.zeros_like(TOKENS)
LAYER = "model.layers.1.mlp"


def like(experts: Experts | None, **changes: Any) -> Arch:
    return DENSE.model_copy(update={"experts": experts, **changes})


def step(arch: Arch, redraw: str = "0", rng: int = 5, shuffles: bool = True) -> Step:
    return Step(
        address="sparse",
        fingerprint="0" * 64,
        inputs={"model": "dense"},
        work=UpcycleWork(arch=arch, shuffle=("ffn",) if shuffles else (), redraw=Fraction(redraw), rng=rng),
        origin=Origin(path="spec.lehr", line=1, column=1),
    )


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dense")
    model = Decoder(DENSE)
    initialise(model, 0.2, 1)
    save(model, folder)
    return folder


def made(dense: Path, to: Path, *asked: Any, **settings: Any) -> Decoder:
    upcycle.run(step(*asked, **settings), {"model": dense}, desk(to))
    return load(to)


def told(model: Decoder) -> Tensor:
    with torch.no_grad():
        return model(TOKENS, ONE, None)


# ---- which units --------------------------------------------------------------------------


def test_qwen_2_cuts_its_57b_as_its_report_says():
    experts = Experts(count=64, active=8, ffn=2560, shared_ffn=0, renormalise=False, balance=0.001, every=1)
    assert (Cut(18_944, experts).copies, Cut(18_944, experts).dropped) == (9, 6_656)
    shared = experts.model_copy(update={"shared_ffn": 20_480})
    assert Cut(18_944, shared).copies == 10


@given(
    before=st.integers(1, 300), count=st.integers(1, 20), ffn=st.integers(1, 100), shared=st.integers(0, 200)
)
@settings(max_examples=200, deadline=None)
def test_the_copies_are_just_enough_and_every_unit_has_one_expert(
    before: int, count: int, ffn: int, shared: int
):
    experts = FINE.model_copy(update={"count": count, "ffn": ffn, "shared_ffn": shared})
    cut = Cut(before, experts)
    assert 0 <= cut.dropped < before
    places = [cut.place(expert) for expert in (*range(count), None)]
    assert [place for one in places for place in range(one.start, one.stop)] == [*range(cut.needed)]


def units(dense: Path, model: Decoder) -> list[Tensor]:
    """Which dense unit each unit of layer 1's experts is, by its gate's row; the shared one last."""
    mlp = model.model.layers[1].mlp
    gates = [*(gate_up[:20] for gate_up in mlp.experts.gate_up_proj), mlp.shared_expert.gate_proj.weight]
    rows = load_file(dense / "model.safetensors")[f"{LAYER}.gate_proj.weight"]
    same = [(gate[:, None] == rows).all(-1) for gate in gates]
    assert all((one.sum(-1) == 1).all() for one in same)
    return [one.long().argmax(-1) for one in same]


def test_experts_are_cut_out_of_shuffled_copies_by_one_permutation_for_all_three(dense: Path, tmp_path: Path):
    model = made(dense, tmp_path / "sparse", like(FINE))
    tensors = load_file(dense / "model.safetensors")
    found = units(dense, model)
    stream = torch.cat(found)
    for copy in range(3):  # each copy is a permutation, and another one
        assert stream[48 * copy : 48 * (copy + 1)].sort().values.tolist() == [*range(48)]
    assert stream[144:].unique().numel() == 26
    assert len({tuple(stream[48 * copy : 48 * (copy + 1)].tolist()) for copy in range(3)}) == 3
    mlp = model.model.layers[1].mlp
    for expert, at in enumerate(found[:-1]):
        assert torch.equal(mlp.experts.gate_up_proj[expert, 20:], tensors[f"{LAYER}.up_proj.weight"][at])
        assert torch.equal(mlp.experts.down_proj[expert], tensors[f"{LAYER}.down_proj.weight"][:, at])
    assert torch.equal(mlp.shared_expert.up_proj.weight, tensors[f"{LAYER}.up_proj.weight"][found[-1]])
    assert torch.equal(mlp.shared_expert.down_proj.weight, tensors[f"{LAYER}.down_proj.weight"][:, found[-1]])


def test_without_a_shuffle_units_come_in_their_order(dense: Path, tmp_path: Path):
    found = units(dense, made(dense, tmp_path / "sparse", like(FINE), shuffles=False))
    assert torch.cat(found).tolist() == [place % 48 for place in range(170)]


@pytest.mark.parametrize(("share", "count"), [("1/2", 10), ("1/4", 5), ("1", 20), ("1/3", 7)])
def test_so_many_units_of_each_expert_are_drawn_anew_in_all_three_matrices(
    dense: Path, tmp_path: Path, share: str, count: int
):
    plain = made(dense, tmp_path / "plain", like(FINE)).model.layers[1].mlp
    found = made(dense, tmp_path / "anew", like(FINE), share).model.layers[1].mlp
    chosen = []
    for expert in range(7):
        kept = found.experts.gate_up_proj[expert] == plain.experts.gate_up_proj[expert]
        down = found.experts.down_proj[expert] == plain.experts.down_proj[expert]
        gone = [(~part).all(1).nonzero().flatten() for part in (kept[:20], kept[20:], down.T)]
        assert [len(one) for one in gone] == [count] * 3
        assert all(torch.equal(one, gone[0]) for one in gone)
        assert int((~kept).sum() + (~down).sum()) == count * 3 * 32  # the others are untouched
        chosen.append(tuple(gone[0].tolist()))
    assert len(set(chosen)) > 1 or share == "1"
    shared = found.shared_expert.gate_proj.weight == plain.shared_expert.gate_proj.weight
    assert int((~shared).all(1).sum()) == round(Fraction(share) * 30)


def test_what_is_drawn_is_as_wide_as_what_stood_there(dense: Path, tmp_path: Path):
    experts = FINE.model_copy(update={"count": 40, "ffn": 48, "shared_ffn": 0})
    model = made(dense, tmp_path / "sparse", like(experts), "1")
    tensors = load_file(dense / "model.safetensors")
    mlp = model.model.layers[1].mlp
    for found, name in ((mlp.experts.gate_up_proj[:, :48], "gate"), (mlp.experts.down_proj, "down")):
        std = tensors[f"{LAYER}.{name}_proj.weight"].std().item()
        assert found.std().item() == pytest.approx(std, rel=0.02)
    assert mlp.gate.weight.std().item() == pytest.approx(ROUTER_STD, rel=0.05)


def test_everything_else_is_the_dense_model_s(dense: Path, tmp_path: Path):
    made(dense, tmp_path / "sparse", like(FINE), "1/2")
    before, after = load_file(dense / "model.safetensors"), load_file(tmp_path / "sparse/model.safetensors")
    others = {name for name in before if ".mlp." not in name}
    assert {name for name in after if ".mlp." not in name} == others
    assert all(torch.equal(before[name], after[name]) for name in others)


def test_rows_of_the_embedding_are_cut_off_or_drawn(dense: Path, tmp_path: Path):
    rows = load_file(dense / "model.safetensors")["lm_head.weight"]
    fewer = made(dense, tmp_path / "fewer", like(FINE, vocab=90))
    assert torch.equal(fewer.unembedding, rows[:90])
    more = made(dense, tmp_path / "more", like(FINE, vocab=400))
    assert torch.equal(more.unembedding[:96], rows)
    assert more.unembedding[96:].std().item() == pytest.approx(rows.std().item(), rel=0.05)


def test_it_is_a_function_of_its_seed(dense: Path, tmp_path: Path):
    for name, rng in (("a", 5), ("b", 5), ("c", 6)):
        made(dense, tmp_path / name, like(FINE), "1/2", rng=rng)
    found = [weights(tmp_path / name) for name in "abc"]
    assert found[0] == found[1] != found[2]


# ---- when the mixture is the dense model ---------------------------------------------------


@pytest.mark.parametrize(
    "experts",
    [
        WHOLE,
        WHOLE.model_copy(update={"active": 4, "renormalise": False}),
        WHOLE.model_copy(update={"every": 2, "active": 1}),
    ],
    ids=["renormalised", "all active", "some layers"],
)
def test_whole_experts_whose_gates_sum_to_one_are_the_dense_model(
    dense: Path, tmp_path: Path, experts: Experts
):
    model = made(dense, tmp_path / "sparse", like(experts))
    torch.testing.assert_close(told(model), told(load(dense)), rtol=1e-5, atol=1e-5)
    anew = made(dense, tmp_path / "anew", like(experts), "1/2")
    assert not torch.allclose(told(anew), told(load(dense)), atol=0.1)


def ffn(tensors: dict[str, Tensor], x: Tensor) -> Tensor:
    """The dense feed-forward of layer 1, in fp64."""
    gate, up, down = (tensors[f"{LAYER}.{part}_proj.weight"].double() for part in ("gate", "up", "down"))
    return (torch.nn.functional.silu(x @ gate.T) * (x @ up.T)) @ down.T


def test_as_qwen_2_has_it_a_layer_is_the_feed_forward_times_its_gates(dense: Path, tmp_path: Path):
    """Not renormalised, the gates of two of four experts sum to less than 1; the shared expert adds its own."""
    experts = WHOLE.model_copy(update={"renormalise": False, "shared_ffn": 48})
    mlp = made(dense, tmp_path / "sparse", like(experts)).model.layers[1].mlp.double()
    x = torch.randn(1, 9, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    gates = (x @ mlp.gate.weight.T).softmax(-1).topk(2, -1).values.sum(-1, keepdim=True)
    shared = (x @ mlp.shared_expert_gate.weight.T).sigmoid()
    expected = (gates + shared) * ffn(load_file(dense / "model.safetensors"), x)
    with torch.no_grad():
        torch.testing.assert_close(mlp(x)[0], expected.detach(), rtol=1e-9, atol=1e-12)


def test_narrow_experts_of_whole_copies_add_up_to_them(dense: Path, tmp_path: Path):
    """Twelve experts of 12 units are three copies of 48; with all active and a router of zeros, y = 3 f / 12."""
    experts = Experts(count=12, active=12, ffn=12, shared_ffn=0, renormalise=False, balance=0.0, every=1)
    mlp = made(dense, tmp_path / "sparse", like(experts)).model.layers[1].mlp.double()
    x = torch.randn(1, 9, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        mlp.gate.weight.zero_()
        expected = 3 / 12 * ffn(load_file(dense / "model.safetensors"), x)
        torch.testing.assert_close(mlp(x)[0], expected, rtol=1e-9, atol=1e-12)


def test_transformers_computes_the_same_from_its_folder(dense: Path, tmp_path: Path):
    model = made(dense, tmp_path / "sparse", like(FINE), "1/2")
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "config.json").write_text(json.dumps(config(model.arch, 128, None, None)))
    files.write(model, tmp_path / "released")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "released", attn_implementation="eager").eval()
    assert type(theirs).__name__ == "Qwen2MoeForCausalLM"
    with torch.no_grad():
        torch.testing.assert_close(told(model), theirs(TOKENS).logits, rtol=1e-4, atol=1e-5)


# ---- what is told, and what is refused ------------------------------------------------------


def test_the_facts_count_what_was_done(dense: Path, tmp_path: Path):
    facts = upcycle.run(step(like(FINE), "1/2"), {"model": dense}, desk(tmp_path / "sparse"))
    model = load(tmp_path / "sparse")
    assert facts == {"params": model.params, "copies": 4, "dropped": 22, "redrawn": 10}
    assert model.arch == like(FINE)


def test_stopped_it_says_that_it_begins_anew(dense: Path, tmp_path: Path):
    with pytest.raises(Interrupted, match="starts anew"):
        upcycle.run(step(like(FINE)), {"model": dense}, desk(tmp_path / "sparse", stop_after=3))


@pytest.mark.parametrize(
    ("target", "note"),
    [
        (DENSE, "the target has no `experts`"),
        (like(FINE, width=64), "width: the target has 64, the model 32"),
        (like(FINE, tied=True), "tied: the target has True, the model False"),
        (
            like(FINE.model_copy(update={"every": 2}), ffn=40),
            "ffn: the target's dense layers have 40, the model's 48",
        ),
    ],
)
def test_a_target_that_the_model_cannot_become_is_a_letter(
    dense: Path, tmp_path: Path, target: Arch, note: str
):
    with pytest.raises(StageError) as found:
        upcycle.run(step(target), {"model": dense}, desk(tmp_path / "sparse"))
    assert (found.value.code, found.value.name, found.value.step) == ("RUN191", "not-its-experts", "sparse")
    assert found.value.notes == (note,)
    assert list((tmp_path / "sparse").iterdir()) == []


def test_a_mixture_is_not_upcycled_again(dense: Path, tmp_path: Path):
    made(dense, tmp_path / "sparse", like(FINE))
    with pytest.raises(StageError, match="cannot become") as found:
        upcycle.run(step(like(WHOLE)), {"model": tmp_path / "sparse"}, desk(tmp_path / "again"))
    assert found.value.notes == ("the model has experts already",)


def test_a_missing_tensor_and_one_that_is_not_finite_are_letters(dense: Path, tmp_path: Path):
    tensors = load_file(dense / "model.safetensors")
    name = f"{LAYER}.up_proj.weight"
    for folder, change in (("gone", None), ("bad", tensors[name] / 0)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "arch.json").write_text(DENSE.model_dump_json())
        kept = {key: value for key, value in tensors.items() if key != name}
        save_file(kept | ({} if change is None else {name: change}), tmp_path / folder / "model.safetensors")
    with pytest.raises(StageError) as gone:
        upcycle.run(step(like(FINE)), {"model": tmp_path / "gone"}, desk(tmp_path / "to"))
    assert gone.value.code == "RUN109"
    assert gone.value.notes == (f"{name}: wanted [48, 32], not there",)
    with pytest.raises(StageError) as bad:
        upcycle.run(step(like(FINE)), {"model": tmp_path / "bad"}, desk(tmp_path / "to"))
    assert (bad.value.code, bad.value.headline) == (
        "RUN125",
        f"`dense`: `{name}` holds numbers that are not finite",
    )


def test_a_file_that_was_cut_off_is_a_letter(dense: Path, tmp_path: Path):
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "arch.json").write_text(DENSE.model_dump_json())
    (tmp_path / "short" / "model.safetensors").write_bytes(weights(dense)[:-100])
    with pytest.raises(StageError) as found:
        upcycle.run(step(like(FINE)), {"model": tmp_path / "short"}, desk(tmp_path / "to"))
    assert found.value.code == "RUN124"
