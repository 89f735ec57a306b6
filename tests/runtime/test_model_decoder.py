"""The decoder: what it computes, what it is made of, what it may look at."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softmax

from lehr.compiler.graph.counts import params
from lehr.compiler.plan.cost.flops import shape
from lehr.compiler.plan.model import Arch
from lehr.runtime.parts.model.cache import Cache
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.model.rope import rotation
from lehr.runtime.parts.seeds import seed

ARCH = Arch(
    layers=2,
    width=12,
    heads=4,
    kv_heads=2,
    head_dim=4,
    ffn=20,
    vocab=30,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8, 1, 8]])
DOCUMENTS = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 2], [4, 4, 4, 4, 4, 4, 4, 4]])


def decoder(arch: Arch = ARCH, std: float = 0.4) -> Decoder:
    model = Decoder(arch)
    initialise(model, std, 1)
    return model


# ---- what it computes ------------------------------------------------------------------


def plain(model: Decoder, tokens: list[int], base: float) -> Tensor:
    """A Llama's logits for one document, one position and one head at a time."""
    arch, w = model.arch, {name: p.detach().double() for name, p in model.named_parameters()}
    x = [w["model.embed_tokens.weight"][token] for token in tokens]
    for layer in range(arch.layers):
        at = f"model.layers.{layer}."
        normed = [norm(one, w[at + "input_layernorm.weight"]) for one in x]
        q, k, v = (
            [(w[at + f"self_attn.{name}_proj.weight"] @ one).view(-1, arch.head_dim) for one in normed]
            for name in "qkv"
        )
        for here in range(len(x)):
            heads = []
            for head in range(arch.heads):
                group = head // (arch.heads // arch.kv_heads)
                seen = range(here + 1)
                scores = [turned(q[here][head], here, base) @ turned(k[t][group], t, base) for t in seen]
                p = softmax(torch.stack(scores) / arch.head_dim**0.5, 0)
                heads.append(sum(p[t] * v[t][group] for t in seen))
            x[here] = x[here] + w[at + "self_attn.o_proj.weight"] @ torch.cat(heads)  # type: ignore[arg-type]
        for here, one in enumerate(x):
            h = norm(one, w[at + "post_attention_layernorm.weight"])
            gate, up = w[at + "mlp.gate_proj.weight"] @ h, w[at + "mlp.up_proj.weight"] @ h
            x[here] = one + w[at + "mlp.down_proj.weight"] @ (gate * gate.sigmoid() * up)
    return torch.stack([w["model.embed_tokens.weight"] @ norm(one, w["model.norm.weight"]) for one in x])


def norm(x: Tensor, weight: Tensor) -> Tensor:
    return x / (x.pow(2).mean() + ARCH.norm_eps).sqrt() * weight


def turned(x: Tensor, position: int, base: float) -> Tensor:
    """Channel i with channel i + K/2, by position * base^(-2i/K)."""
    half, out = len(x) // 2, x.clone()
    for i in range(half):
        angle = torch.tensor(position * base ** (-i / half), dtype=torch.float64)
        out[i] = x[i] * angle.cos() - x[i + half] * angle.sin()
        out[i + half] = x[i + half] * angle.cos() + x[i] * angle.sin()
    return out


@pytest.mark.parametrize("base", [100.0, 7000.0])
def test_logits_are_those_of_a_llama(base: float) -> None:
    model = decoder()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(name)))
    logits = model(TOKENS[1:], DOCUMENTS[1:], base)[0].double()
    torch.testing.assert_close(logits, plain(model, TOKENS[1].tolist(), base), rtol=0, atol=2e-5)


def test_a_document_is_read_as_if_it_stood_alone() -> None:
    model = decoder()
    packed = model(TOKENS, DOCUMENTS, 100.0)
    for row, start, end in ((0, 0, 3), (0, 3, 7), (0, 7, 8), (1, 0, 8)):
        alone = model(TOKENS[row : row + 1, start:end], torch.zeros(1, end - start), 100.0)
        torch.testing.assert_close(packed[row : row + 1, start:end], alone, rtol=0, atol=2e-5)


def test_a_position_knows_nothing_of_what_comes_later() -> None:
    model = decoder()
    changed = TOKENS.clone()
    changed[:, 6] = 11
    before, after = (model(tokens, torch.zeros_like(tokens), 100.0) for tokens in (TOKENS, changed))
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.equal(before[:, 6:], after[:, 6:])


def test_going_on_from_a_cache_gives_what_reading_it_all_gives() -> None:
    model = decoder()
    whole = model(TOKENS, torch.zeros_like(TOKENS), 100.0)
    cache, sizes = Cache(ARCH, 2, 8, model.device), torch.tensor([5, 5])
    logits, fresh = model.begin(TOKENS[:, :5], sizes, 100.0)
    cache.begin(fresh, sizes, torch.tensor([0, 1]))
    steps = [logits, *(model.extend(TOKENS[:, at], cache, 100.0) for at in range(5, 8))]
    torch.testing.assert_close(torch.stack(steps, 1), whole[:, 4:], rtol=0, atol=2e-5)


def test_attention_depends_on_distance_alone() -> None:
    turn = rotation(20, 8, 100.0)
    q, k = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    scores = turn.turn(q.expand(20, 8)) @ turn.turn(k.expand(20, 8)).T
    for distance in range(20):
        diagonal = scores.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-5)
    assert torch.equal(turn.turn(q.expand(20, 8))[0], q)


# ---- what it is made of ----------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_it_has_as_many_parameters_as_its_shape_says(tied: bool) -> None:
    arch = ARCH.model_copy(update={"tied": tied})
    assert sum(parameter.numel() for parameter in Decoder(arch).parameters()) == params(shape(arch))


def test_tensors_bear_the_names_of_hugging_face() -> None:
    arch = ARCH.model_copy(update={"layers": 1, "tied": False})
    shapes = {name: tuple(parameter.shape) for name, parameter in Decoder(arch).named_parameters()}
    assert shapes == {
        "model.embed_tokens.weight": (30, 12),
        "model.layers.0.input_layernorm.weight": (12,),
        "model.layers.0.self_attn.q_proj.weight": (16, 12),
        "model.layers.0.self_attn.k_proj.weight": (8, 12),
        "model.layers.0.self_attn.v_proj.weight": (8, 12),
        "model.layers.0.self_attn.o_proj.weight": (12, 16),
        "model.layers.0.post_attention_layernorm.weight": (12,),
        "model.layers.0.mlp.gate_proj.weight": (20, 12),
        "model.layers.0.mlp.up_proj.weight": (20, 12),
        "model.layers.0.mlp.down_proj.weight": (12, 20),
        "model.norm.weight": (12,),
        "lm_head.weight": (30, 12),
    }


def test_tied_embeddings_are_one_tensor() -> None:
    model = decoder()
    assert model.unembedding is model.model.embed_tokens.weight


# ---- its first weights -----------------------------------------------------------------


def test_first_weights_are_normal_and_norms_are_one() -> None:
    model = decoder(ARCH.model_copy(update={"vocab": 4000}), std=0.06)
    weights = dict(model.named_parameters())
    embedding = weights["model.embed_tokens.weight"]
    assert embedding.std().item() == pytest.approx(0.06, rel=0.02)
    assert embedding.mean().item() == pytest.approx(0.0, abs=0.001)
    assert all(torch.all(weight == 1) for name, weight in weights.items() if "norm" in name)


def test_what_writes_into_the_stream_is_scaled_down_by_depth() -> None:
    shallow, deep = (dict(decoder(ARCH.model_copy(update={"layers": n})).named_parameters()) for n in (1, 4))
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        at = f"model.layers.0.{name}.weight"
        torch.testing.assert_close(deep[at], shallow[at] / 2)


def test_a_tensor_does_not_depend_on_the_others() -> None:
    weight = dict(decoder(std=0.4).named_parameters())["model.layers.1.mlp.up_proj.weight"]
    source = torch.Generator().manual_seed(seed(1, "init", "model.layers.1.mlp.up_proj.weight"))
    assert torch.equal(weight, torch.empty(20, 12).normal_(0, 0.4, generator=source))
