"""FLOPs, memory, time and money of a plan, against counts of torch, of transformers' classes and of the reports."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
import transformers
from published import EVERY
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lehr.compiler import compile as compile_spec
from lehr.compiler.graph.counts import active_params, params
from lehr.compiler.plan.cost import flops, layouts
from lehr.compiler.plan.cost.bill import Bill, Cost, totals
from lehr.compiler.plan.cost.flops import forward, shape
from lehr.compiler.plan.model import Arch, Experts, Layout, Plan

SMALL = {"layers": 3, "width": 64, "heads": 4, "kv_heads": 2, "head_dim": 16, "ffn": 96, "vocab": 160}
LLAMA = Arch(**SMALL, rope=10_000.0, tied=False, norm_eps=1e-5)
QWEN = LLAMA.model_copy(update={"qkv_bias": True})
QWEN_MOE = QWEN.model_copy(
    update={
        "experts": Experts(count=8, active=3, ffn=24, shared_ffn=48, renormalise=False, balance=0.0, every=1)
    }
)
GEMMA = LLAMA.model_copy(
    update={"tied": True, "norms": "pre_post", "window": (16, "full"), "activation": "gelu_tanh"}
)
AFM = LLAMA.model_copy(update={"tied": True, "qk_norm": "head"})
FAMILIES = {"llama": LLAMA, "qwen": QWEN, "qwen_moe": QWEN_MOE, "gemma": GEMMA, "afm": AFM}


def peer(arch: Arch) -> nn.Module:
    """The same model as transformers builds it."""
    told = {
        "num_hidden_layers": arch.layers, "hidden_size": arch.width, "num_attention_heads": arch.heads,
        "num_key_value_heads": arch.kv_heads, "intermediate_size": arch.ffn, "vocab_size": arch.vocab,
        "head_dim": arch.head_dim, "tie_word_embeddings": arch.tied, "attn_implementation": "eager",
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    experts = arch.experts
    if experts:
        config = transformers.Qwen2MoeConfig(
            **told, num_experts=experts.count, num_experts_per_tok=experts.active, moe_intermediate_size=experts.ffn,
            shared_expert_intermediate_size=experts.shared_ffn, qkv_bias=True, experts_implementation="eager",
        )  # fmt: skip
        return transformers.Qwen2MoeForCausalLM(config)
    if arch.norms == "pre_post":
        return transformers.Gemma2ForCausalLM(
            transformers.Gemma2Config(**told, sliding_window=16, query_pre_attn_scalar=16)
        )
    if arch.qk_norm == "head":
        return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**told))
    if arch.qkv_bias:
        return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**told))
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**told))


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_are_those_of_the_peers_classes(family: str):
    with torch.device("meta"):
        model = peer(FAMILIES[family])
    assert sum(one.numel() for one in model.parameters()) == params(shape(FAMILIES[family]))


@pytest.mark.parametrize("size", EVERY)
def test_parameters_of_every_published_size_are_those_of_the_peers_classes(size: str):
    found = EVERY[size]
    told = {name: getattr(found, name) for name in SMALL}
    told |= {"tied": found.tied, "qkv_bias": found.qkv_bias, "norms": found.norms, "qk_norm": found.qk_norm}
    if found.experts:
        told["experts"] = Experts(
            count=found.experts, active=found.active, ffn=found.expert_ffn, shared_ffn=found.shared_ffn,
            renormalise=False, balance=0.0, every=found.every,
        )  # fmt: skip
    with torch.device("meta"):
        model = peer(LLAMA.model_copy(update=told))
    assert sum(one.numel() for one in model.parameters()) == params(found)


@pytest.mark.parametrize("recipe", ["llama3", "qwen2", "gemma2", "afm", "quickstart"])
def test_parameters_of_every_arch_of_the_recipes_are_those_of_the_peers_classes(recipe: str):
    plan, _ = compile_spec(f"specs/{recipe}.lehr")
    assert plan
    archs = [arch for step in plan.steps if (arch := getattr(step.work, "arch", None))]
    assert archs
    for arch in archs:
        with torch.device("meta"):
            model = peer(arch)
        assert sum(one.numel() for one in model.parameters()) == params(shape(arch))


def counted(model: nn.Module, tokens: torch.Tensor, backward: bool) -> dict[str, int]:
    """FLOPs by operator, as torch counts them while the model runs."""
    with FlopCounterMode(display=False) as counter:
        logits = model(tokens).logits
        if backward:
            logits.float().sum().backward()
    return {str(op): count for op, count in counter.get_flop_counts()["Global"].items()}


def outside_attention(found: dict[str, int]) -> int:
    """Products with weights; attention's own are batched."""
    return sum(count for op, count in found.items() if "bmm" not in op)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "training"])
def test_flops_outside_attention_are_those_that_torch_counts(family: str, backward: bool):
    arch, tokens = FAMILIES[family], torch.arange(2 * 64).view(2, 64) % 160
    linear, _ = forward(arch, 64)
    ours = linear * tokens.numel() * (flops.TRAINING if backward else 1)
    theirs = outside_attention(counted(peer(arch), tokens, backward))
    assert ours == pytest.approx(theirs, rel=0.01)


def test_a_student_with_its_teacher_costs_both():
    student, teacher = LLAMA, QWEN.model_copy(update={"width": 128, "head_dim": 32})
    tokens = torch.arange(64).view(1, 64)
    with FlopCounterMode(display=False) as counter:
        with torch.no_grad():
            target = peer(teacher)(tokens).logits
        (peer(student)(tokens).logits - target).square().sum().backward()
    theirs = sum(count for op, count in counter.get_flop_counts()["Global"].items() if "bmm" not in str(op))
    ours = 64 * (flops.TRAINING * forward(student, 64)[0] + forward(teacher, 64)[0])
    assert ours == pytest.approx(theirs, rel=0.01)


@pytest.mark.parametrize("context", [1, 7, 16, 17, 64])
@pytest.mark.parametrize("window", [("full",), (16,), (16, "full")])
def test_attention_is_a_count_of_the_pairs_that_the_mask_admits(context: int, window: tuple):
    arch = LLAMA.model_copy(update={"window": window})
    place = torch.arange(context)
    pairs = 0
    for layer in range(arch.layers):
        reach = window[layer % len(window)]
        near = context if reach == "full" else reach
        back = place[:, None] - place[None, :]
        pairs += int(((back >= 0) & (back < near)).sum())
    assert forward(arch, context)[1] * context == pairs * 4 * arch.heads * arch.head_dim


# ---- what a plan comes to ------------------------------------------------------------


@pytest.fixture(scope="module")
def llama() -> Plan:
    found, _ = compile_spec("specs/llama3.lehr")
    assert found
    return found


def test_llamas_pre_training_costs_what_the_report_says(llama: Plan):
    """3.8e25 FLOPs (section 3.2), which is 6 N D, and 30.84 M hours on H100s (model card)."""
    work, arch = llama.step("pretrain").work, Bill(llama).arch("pretrain")
    assert arch
    assert 6 * active_params(shape(arch)) * work.tokens == pytest.approx(3.8e25, rel=0.01)
    bill = Bill(llama, llama.clusters["h100x16384"])
    linear = bill.costs["pretrain"].flops - bill.costs["pretrain"].attention
    assert linear == pytest.approx(3.8e25, rel=0.01)
    before_post = [bill.costs[name].device_hours for name in ("pretrain", "long_context", "anneal")]
    assert sum(before_post) == pytest.approx(30.84e6, rel=0.15)
    assert sum(before_post) > 26.1e6, "attention and the long contexts are in it"


def test_phases_of_a_stage_add_up_to_it(llama: Plan):
    for cost in Bill(llama, llama.clusters["h100x16384"]).costs.values():
        if cost.phases:
            assert cost.flops == sum(phase.flops for phase in cost.phases)
            assert cost.flops == pytest.approx(sum(cost.parts.values()), rel=1e-12)
            assert cost.seconds == pytest.approx(sum(phase.seconds or 0 for phase in cost.phases))


def test_who_reads_what_in_post_training(llama: Plan):
    bill = Bill(llama)
    dpo = bill.costs["post[1].attempt[1].aligned"].parts
    assert dpo["training"] == pytest.approx(3 * dpo["reference"])
    assert bill.costs["post[1].answers"].parts.keys() == {"generation", "judge"}
    judge = bill.costs["post[1].judge"]
    arch = bill.arch("anneal")
    assert arch
    linear, attention = forward(arch, 8192, unembeds=False)
    pairs = llama.step("post[1].judge").work.tokens
    assert judge.flops == int(6 * pairs * (linear + attention))


def test_what_only_a_run_can_tell_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from every_kind import SPEC

    monkeypatch.chdir(tmp_path)
    Path("every.lehr").write_text(SPEC)
    plan, _ = compile_spec("every.lehr")
    assert plan
    bill = Bill(plan, plan.clusters["cluster"])
    assert bill.costs["later"].unknown == "label"
    assert bill.costs["later"].flops == 0
    assert set(bill.costs["rl"].parts) == {"training", "generation", "reference", "judge"}
    assert set(bill.costs["distill"].parts) == {"training", "teacher"}
    assert set(bill.costs["cached"].parts) == {"training"}
    assert set(bill.costs["targets(cached)"].parts) == {"teacher"}
    positions = bill.plan.step("targets(cached)").work.tokens
    assert bill.costs["targets(cached)"].artifact == positions * 8 * (2 + 4)
    price = totals(bill.costs)
    assert price.price == pytest.approx(2.5 * (price.device_hours or 0))


# ---- layouts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        (Layout(dp=8), ""),
        (Layout(dp=2, tp=2, pp=3), ""),
        (Layout(tp=3), "tp 3 does not divide"),
        (Layout(pp=4), "pp 4 is more than 3 layers"),
        (Layout(cp=3), "cp 3 does not cut 64"),
        (Layout(dp=16), "dp 16 is more than the 8 sequences"),
        (Layout(dp=2, ep=2), "ep 2 does not divide"),
    ],
)
def test_which_layouts_are_legal(layout: Layout, why: str):
    found = layouts.legal(layout, LLAMA, sequences=8, context=64)
    assert found.startswith(why) if why else found == ""


def test_choices_are_legal_use_every_device_and_come_near_first():
    near = Layout(dp=4, tp=2)
    found = layouts.choices(8, LLAMA, 8, 64, near)
    assert found[0] == near
    assert all(one.devices == 8 and not layouts.legal(one, LLAMA, 8, 64) for one in found)


def test_more_shards_take_less_of_a_device(llama: Plan):
    bill = Bill(llama, llama.clusters["h100x16384"])
    step = llama.step("pretrain")
    last = step.work.phases[-1]
    held = [bill.saving(step, Layout(dp=dp, tp=8, pp=16), last)[0] for dp in (2, 8, 128)]
    assert [one.optimizer for one in held] == sorted((one.optimizer for one in held), reverse=True)
    assert held[0].optimizer == -(-params(shape(bill.arch("pretrain"))) * 4 // (2 * 8 * 16)) * 2  # type: ignore[arg-type]


def test_mean_of_moving_shares_is_what_the_ledger_plans(llama: Plan):
    from lehr.compiler.plan.ledger import accounts

    drawn = {one.corpus: one for one in accounts(llama)}
    tokens = sum(llama.step(name).work.tokens for name in ("pretrain", "long_context", "anneal"))
    assert sum((one.planned for one in drawn.values()), Fraction(0)) == tokens
    assert float(drawn["code"].passes or 0) == pytest.approx(1.71, abs=0.01)


def test_passes_are_those_of_one_models_lineage():
    """AFM's teacher and its student's parent each draw 6.3T of their own."""
    from lehr.compiler.plan.ledger import accounts

    plan, _ = compile_spec("specs/afm.lehr")
    assert plan
    web = next(one for one in accounts(plan) if one.corpus == "web")
    apart = {one.stage: one.planned for one in web.entries}
    assert web.lineage == web.planned - apart["teacher_core"]
    assert web.passes == web.lineage / 5_200_000_000_000


@pytest.mark.parametrize(("every", "models"), [(1, 2), (4, 3)])
def test_online_merging_takes_so_many_models_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, models: int
):
    from every_kind import SPEC

    monkeypatch.chdir(tmp_path)
    saves = "train written { checkpoint { every = 5 steps };  "
    merges = f"{saves} merge_back {{ with = train;  rate = 0.1;  every = {every} }};  "
    alone, merged = (_written(SPEC.replace("train written {", text)) for text in (saves, merges))
    assert alone.memory
    assert merged.memory
    model = alone.params * 4 / 8  # fp32, over eight devices
    assert (alone.memory.others, merged.memory.others) == (0, pytest.approx(models * model, rel=1e-3))
    assert merged.checkpoints / alone.checkpoints == pytest.approx((3 + (every > 1)) / 3)


def _written(text: str) -> Cost:
    Path("every.lehr").write_text(text)
    plan, _ = compile_spec("every.lehr")
    assert plan
    return Bill(plan, plan.clusters["cluster"]).costs["written"]
