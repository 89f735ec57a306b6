"""The decoder: embeddings, layers of attention and feed-forward, a norm, an unembedding.

One class for every family; `Arch` says which parts it has.  Parameters bear the
names that Hugging Face gives them.  B rows, T positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ....compiler.plan.model import Arch
from ....kernels.attention.op import Packing
from .attention import SelfAttention
from .cache import Cache, Fresh, Kept
from .experts import Balance, Load, SparseFeedForward
from .ffn import FeedForward
from .norm import RMSNorm
from .rope import Rotation, rotation


class Layer(nn.Module):
    """Each half reads the normed stream and adds to the stream, normed once more where `norms` is `pre_post`."""

    def __init__(self, arch: Arch, index: int) -> None:
        super().__init__()
        self.twice = arch.norms == "pre_post"
        self.input_layernorm = _norm(arch)
        self.self_attn = SelfAttention(arch, index)
        self.post_attention_layernorm = _norm(arch)
        if self.twice:
            self.pre_feedforward_layernorm = _norm(arch)
            self.post_feedforward_layernorm = _norm(arch)
        experts = arch.experts
        if experts and (index + 1) % experts.every == 0:
            self.mlp = SparseFeedForward(arch, experts)
        else:
            self.mlp = FeedForward(arch.width, arch.ffn, arch.activation)

    def forward(
        self, x_BTD: Tensor, turn: Rotation, packing: Packing | None, cache: Kept | None
    ) -> tuple[Tensor, Load | None]:
        """The stream after this layer, and how its experts were used where it has some."""
        y_BTD = self.self_attn(self.input_layernorm(x_BTD), turn, packing, cache)
        if self.twice:
            x_BTD = x_BTD + self.post_attention_layernorm(y_BTD)
            y_BTD, load = self._feed(self.pre_feedforward_layernorm(x_BTD))
            return x_BTD + self.post_feedforward_layernorm(y_BTD), load
        x_BTD = x_BTD + y_BTD
        y_BTD, load = self._feed(self.post_attention_layernorm(x_BTD))
        return x_BTD + y_BTD, load

    def _feed(self, x_BTD: Tensor) -> tuple[Tensor, Load | None]:
        return self.mlp(x_BTD) if isinstance(self.mlp, SparseFeedForward) else (self.mlp(x_BTD), None)


class Body(nn.Module):
    """Everything but the unembedding; Hugging Face calls it `model`."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(arch.vocab, arch.width)
        self.layers = nn.ModuleList(Layer(arch, index) for index in range(arch.layers))
        self.norm = _norm(arch)


class Decoder(nn.Module):
    """A language model.  `arch` is its shape; weights are drawn or loaded elsewhere."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.arch = arch
        self.recompute = False
        """Whether training keeps the inputs of layers alone and computes the rest of them again."""
        self.model = Body(arch)
        self.lm_head = None if arch.tied else nn.Linear(arch.width, arch.vocab, bias=False)

    @classmethod
    def empty(cls, arch: Arch, device: str = "cpu") -> Decoder:
        """A model whose memory is taken but not filled, so that a large one never exists twice."""
        with torch.device("meta"):
            model = cls(arch)
        return model.to_empty(device=device)

    @property
    def device(self) -> torch.device:
        """Where it computes; ids are brought there."""
        return self.model.embed_tokens.weight.device

    @property
    def unembedding(self) -> Tensor:
        """[V, D]; with tied embeddings the embedding itself."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    @property
    def params(self) -> int:
        """Numbers in all tensors, each tensor counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def hidden(
        self, tokens_BT: Tensor, documents_BT: Tensor, rope: float | None, balance: Balance | None = None
    ) -> Tensor:
        """The normed stream [B, T, D] from which logits are made; positions see their own document only.

        `rope` is the base of the rotary positions, None the model's own; `balance` is told how the experts of
        each layer were used.
        """
        tokens_BT, documents_BT = tokens_BT.to(self.device), documents_BT.to(self.device)
        turn = self._rotation(tokens_BT.shape[1], rope)
        return self._through(tokens_BT, turn, Packing.of(documents_BT), None, balance)

    def forward(self, tokens_BT: Tensor, documents_BT: Tensor, rope: float | None) -> Tensor:
        """Logits [B, T, V]."""
        return self.logits(self.hidden(tokens_BT, documents_BT, rope))

    def logits(self, hidden: Tensor) -> Tensor:
        """[…, V] of the normed stream; a soft cap c makes them c * tanh(logits / c), in fp32."""
        logits = nn.functional.linear(hidden, self.unembedding)
        cap = self.arch.final_cap
        if cap is None:
            return logits
        return cap * torch.tanh(logits.to(torch.promote_types(logits.dtype, torch.float32)) / cap)

    def begin(self, tokens_BT: Tensor, sizes_B: Tensor, rope: float | None) -> tuple[Tensor, list[Fresh]]:
        """Logits [B, V] behind rows of one document each, and what every layer keeps of them.

        A row's own tokens are its first `sizes_B`; what fills it up comes after them and is seen by none.
        """
        tokens_BT, sizes_B = tokens_BT.to(self.device), sizes_B.to(self.device)
        turn = self._rotation(_room(tokens_BT.shape[1]), rope).part(0, tokens_BT.shape[1])
        fresh = [Fresh() for _ in self.model.layers]
        hidden_BTD = self._through(tokens_BT, turn, Packing(None), fresh, None)
        rows_B = torch.arange(len(sizes_B), device=self.device)
        return self.logits(hidden_BTD[rows_B, sizes_B - 1]), fresh

    def extend(self, tokens_B: Tensor, cache: Cache, rope: float | None) -> Tensor:
        """Logits [B, V] behind one more token of each row in use, which `cache` takes in."""
        layers = cache.layers()
        turn = self._rotation(_room(cache.longest), rope).at(cache.sizes_B[: cache.used])
        hidden_B1D = self._through(tokens_B[:, None].to(self.device), turn, None, layers, None)
        cache.added()
        return self.logits(hidden_B1D[:, 0])

    def _rotation(self, positions: int, rope: float | None) -> Rotation:
        stretch = self.arch.rope_scaling  # a frozen model, which has a hash
        base = self.arch.rope if rope is None else rope
        return rotation(positions, self.arch.head_dim, base, stretch, self.device)  # pyright: ignore[reportArgumentType]

    def _through(
        self,
        tokens_BT: Tensor,
        turn: Rotation,
        packing: Packing | None,
        caches: Sequence[Kept] | None,
        balance: Balance | None,
    ) -> Tensor:
        x_BTD = self._embedded(tokens_BT)
        saves = self.recompute and torch.is_grad_enabled() and caches is None
        for index, layer in enumerate(self.model.layers):
            if saves:
                x_BTD, load = checkpoint(layer, x_BTD, turn, packing, None, use_reentrant=False)  # pyright: ignore[reportGeneralTypeIssues]
            else:
                x_BTD, load = layer(x_BTD, turn, packing, caches[index] if caches else None)
            if balance is not None and load is not None:
                balance.loads.append(load)
        return self.model.norm(x_BTD)

    def _embedded(self, tokens_BT: Tensor) -> Tensor:
        """Scaled by the square root of the width, rounded to the embedding's own dtype, where `arch` asks."""
        x_BTD = self.model.embed_tokens(tokens_BT)
        return x_BTD * x_BTD.new_tensor(self.arch.width**0.5) if self.arch.embed_scale else x_BTD


def _norm(arch: Arch) -> RMSNorm:
    return RMSNorm(arch.width, arch.norm_eps, offset=arch.norm_offset)


def _room(positions: int) -> int:
    """The next power of two, so that few rotations are ever made."""
    return 1 << (positions - 1).bit_length()
