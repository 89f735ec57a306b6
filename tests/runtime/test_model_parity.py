"""What we compute is what transformers computes, in both directions, for every family.

Weights are random and large, so that attention is sharp and soft-caps bite; sequences are longer than windows
and than the context before a stretch.  The measure is the largest difference over the largest logit.
"""

import json
from pathlib import Path

import pytest
import torch
from families import FAMILIES, VARIANTS
from transformers import AutoModelForCausalLM

from lehr.compiler.graph.counts import params
from lehr.compiler.plan.cost.flops import shape
from lehr.compiler.plan.model import Arch, Phase
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.huggingface.config import read
from lehr.runtime.parts.huggingface.written import config
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.experts import Balance
from lehr.runtime.parts.model.generate import generate
from lehr.runtime.parts.model.weights import fill, write

TOKENS = torch.randint(0, 96, (2, 40), generator=torch.Generator().manual_seed(3))
ONE = torch.zeros_like(TOKENS)


def random(arch: Arch) -> Decoder:
    """A model in which nothing is neutral: norms and biases are drawn as well."""
    model, source = Decoder.empty(arch), torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.2, generator=source)
            if parameter.ndim < 2 and not arch.norm_offset:
                parameter.add_(1.0)
    return model


def theirs(folder: Path):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()


def released(model: Decoder, folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps(config(model.arch, 128, None, None)))
    write(model, folder)
    return folder


def loaded(folder: Path) -> Decoder:
    arch, _ = read(folder)
    model = Decoder.empty(arch)
    fill(model, folder)
    return model


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return ((one - other).abs().max() / other.abs().max()).item()


@pytest.mark.parametrize("name", VARIANTS)
@torch.no_grad()
def test_logits_are_those_of_transformers_both_ways(name: str, tmp_path: Path):
    ours = random(VARIANTS[name])
    there = theirs(released(ours, tmp_path))
    expected = there(TOKENS).logits
    assert apart(ours(TOKENS, ONE, ours.arch.rope), expected) < 1e-5
    there.save_pretrained(tmp_path / "back")
    back = loaded(tmp_path / "back")
    assert apart(back(TOKENS, ONE, back.arch.rope), expected) < 1e-5
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), back.parameters(), strict=True))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_shape_comes_back_as_it_went(name: str, tmp_path: Path):
    arch, context = read(released(Decoder.empty(VARIANTS[name]), tmp_path))
    scaling = arch.rope_scaling
    if scaling and scaling.method != "llama3":  # bounds that were left to their defaults are written out
        assert VARIANTS[name].rope_scaling
        arch = arch.model_copy(
            update={
                "rope_scaling": scaling.model_copy(
                    update={
                        key: getattr(VARIANTS[name].rope_scaling, key) for key in ("low", "high", "original")
                    }
                )
            }
        )
    assert (arch, context) == (VARIANTS[name], 128)


@pytest.mark.parametrize("name", FAMILIES)
def test_greedy_text_is_that_of_transformers_token_for_token(name: str, tmp_path: Path):
    model = random(VARIANTS[name])
    there = theirs(released(model, tmp_path))
    prompts = TOKENS[:, :11]
    asked = there.generate(
        prompts, max_new_tokens=24, do_sample=False, attention_mask=torch.ones_like(prompts)
    )
    ours = generate(
        model,
        prompts.tolist(),
        max_new=24,
        stop=frozenset(),
        temperature=0.0,
        rng=0,
        rope=model.arch.rope,
    )
    assert ours == asked[:, 11:].tolist()


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_packed_documents_are_read_as_if_each_stood_alone(name: str):
    model = random(VARIANTS[name])
    documents = torch.tensor([0] * 13 + [1] * 4 + [2] * 23).expand(2, -1)
    packed = model(TOKENS, documents, model.arch.rope)
    for start, end in ((0, 13), (13, 17), (17, 40)):
        alone = model(TOKENS[:, start:end], ONE[:, start:end], model.arch.rope)
        assert apart(packed[:, start:end], alone) < 1e-5


@pytest.mark.parametrize("name", VARIANTS)
def test_a_model_has_as_many_parameters_as_its_shape_says(name: str):
    assert Decoder.empty(VARIANTS[name], "meta").params == params(shape(VARIANTS[name]))


# ---- experts ---------------------------------------------------------------------------


def balance(model: Decoder, tokens: torch.Tensor) -> torch.Tensor:
    found = Balance()
    model.hidden(tokens, torch.zeros_like(tokens), model.arch.rope, found)
    return found.loss_B()


@pytest.mark.parametrize("name", ["qwen2_moe", "moe_some_layers"])
@torch.no_grad()
def test_the_balance_loss_is_that_of_transformers_at_a_batch_of_one(name: str, tmp_path: Path):
    model = random(VARIANTS[name])
    there = theirs(released(model, tmp_path))
    for row in TOKENS.split(1):
        expected = there(row, output_router_logits=True).aux_loss
        assert balance(model, row).item() == pytest.approx(expected.item(), rel=1e-5)


@torch.no_grad()
def test_the_balance_loss_does_not_depend_on_who_is_beside():
    model = random(VARIANTS["qwen2_moe"]).double()
    alone = torch.cat([balance(model, row) for row in TOKENS.split(1)])
    torch.testing.assert_close(balance(model, TOKENS), alone, rtol=1e-12, atol=0)


def test_an_even_router_has_the_least_balance_loss():
    model = random(VARIANTS["qwen2_moe"])
    uneven = balance(model, TOKENS)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("mlp.gate.weight"):
                parameter.zero_()
    even = balance(model, TOKENS)
    assert torch.all(even < uneven)
    torch.testing.assert_close(even, torch.full((2,), 8.0))  # E * sum of f / E, and f sums to the active ones


def test_experts_in_bf16_are_one_product_and_give_the_same():
    arch = VARIANTS["qwen2_moe"]
    of = arch.experts
    assert of
    model = random(arch.model_copy(update={"experts": of.model_copy(update={"ffn": 16})})).bfloat16()
    experts = model.model.layers[0].mlp.experts
    x = torch.randn(20, 32, generator=torch.Generator().manual_seed(1))
    chosen = torch.randint(0, 16, (20, 8), generator=torch.Generator().manual_seed(2))
    grouped = experts(x.bfloat16(), chosen)
    expected = experts.float()(x.bfloat16().float(), chosen)
    torch.testing.assert_close(grouped.float(), expected, rtol=0.02, atol=0.02 * expected.abs().max().item())


# ---- gradients -------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_do_not_depend_on_what_is_kept_for_them(name: str):
    model = random(FAMILIES[name]).double()
    found = []
    for recompute in (False, True):
        model.recompute = recompute
        model.zero_grad()
        model(TOKENS, ONE, 1e4).square().mean().backward()
        found.append([parameter.grad for parameter in model.parameters()])
    for kept, again in zip(*found, strict=True):
        torch.testing.assert_close(kept, again, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_of_a_batch_are_the_sum_of_those_of_its_rows(name: str):
    model = random(FAMILIES[name]).double()

    def gradients(*parts: torch.Tensor) -> list[torch.Tensor]:
        model.zero_grad()
        for tokens in parts:
            used = Balance()
            hidden = model.hidden(tokens, torch.zeros_like(tokens), 1e4, used)
            loss = model.logits(hidden).square().sum()
            (loss + used.loss_B().sum() if used.loads else loss).backward()
        return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]

    for whole, split in zip(gradients(TOKENS), gradients(*TOKENS.split(1)), strict=True):
        assert (whole - split).norm() <= 1e-12 * whole.norm()


@pytest.mark.parametrize("name", ["qwen2_moe", "gemma2"])
def test_the_loss_of_a_row_is_that_of_transformers(name: str, tmp_path: Path):
    model = random(FAMILIES[name])
    there = theirs(released(model, tmp_path))
    row = TOKENS[:1]
    extra = {"output_router_logits": True} if model.arch.experts else {}
    if model.arch.experts:  # weigh it so that it shows
        there.router_aux_loss_coef = 0.5
        model.arch = model.arch.model_copy(
            update={"experts": model.arch.experts.model_copy(update={"balance": 0.5})}
        )
    expected = there(row, labels=row, **extra).loss
    labels = torch.cat((row[:, 1:], torch.full((1, 1), -100)), 1)
    phase = Phase(steps=1, context=40, sequences=1, rope=model.arch.rope, shares={})
    found = next_token(model, Batch(row, labels, ONE[:1]), phase) / (row.numel() - 1)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
