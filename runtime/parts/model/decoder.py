"""The decoder: embeddings, layers of attention and feed-forward, a norm, an unembedding.

Parameters bear the names that Hugging Face gives a Llama, so that others open
the files.  B rows, T positions, D width, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor, nn

from ....compiler.plan.model import Arch
from ....kernels.attention.op import Packing
from .attention import Cache, SelfAttention
from .ffn import FeedForward
from .norm import RMSNorm
from .rope import Rotation, rotation


class Layer(nn.Module):
    """Pre-norm: each half reads the normed stream and adds to the stream."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(arch.width, arch.norm_eps)
        self.self_attn = SelfAttention(arch)
        self.post_attention_layernorm = RMSNorm(arch.width, arch.norm_eps)
        self.mlp = FeedForward(arch)

    def forward(self, x_BTD: Tensor, turn: Rotation, packing: Packing | None, cache: Cache | None) -> Tensor:
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD), turn, packing, cache)
        return x_BTD + self.mlp(self.post_attention_layernorm(x_BTD))


class Body(nn.Module):
    """Everything but the unembedding; Hugging Face calls it `model`."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(arch.vocab, arch.width)
        self.layers = nn.ModuleList(Layer(arch) for _ in range(arch.layers))
        self.norm = RMSNorm(arch.width, arch.norm_eps)


class Decoder(nn.Module):
    """A Llama-style language model in fp32.  `arch` is its shape; weights are drawn or loaded elsewhere."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.arch = arch
        self.model = Body(arch)
        self.lm_head = None if arch.tied else nn.Linear(arch.width, arch.vocab, bias=False)

    @property
    def unembedding(self) -> Tensor:
        """[V, D]; with tied embeddings the embedding itself."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    @property
    def params(self) -> int:
        """Numbers in all tensors, each tensor counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def hidden(self, tokens_BT: Tensor, documents_BT: Tensor, rope: float) -> Tensor:
        """The normed stream [B, T, D] from which logits are made; positions see their own document only."""
        turn = rotation(tokens_BT.shape[1], self.arch.head_dim, rope)
        return self._through(tokens_BT, turn, Packing.of(documents_BT), None)

    def forward(self, tokens_BT: Tensor, documents_BT: Tensor, rope: float) -> Tensor:
        """Logits [B, T, V]."""
        return nn.functional.linear(self.hidden(tokens_BT, documents_BT, rope), self.unembedding)

    def extend(self, tokens_BT: Tensor, start: int, caches: list[Cache], rope: float) -> Tensor:
        """Logits [B, V] after positions `start` … of one document per row, whose earlier ones are in `caches`.

        From an empty cache any number of positions, after that one at a time.
        """
        turn = rotation(_room(start + tokens_BT.shape[1]), self.arch.head_dim, rope)
        part = turn.part(start, start + tokens_BT.shape[1])
        hidden_BTD = self._through(tokens_BT, part, None if start else Packing(None), caches)
        return nn.functional.linear(hidden_BTD[:, -1], self.unembedding)

    def _through(
        self, tokens_BT: Tensor, turn: Rotation, packing: Packing | None, caches: list[Cache] | None
    ) -> Tensor:
        x_BTD = self.model.embed_tokens(tokens_BT)
        for index, layer in enumerate(self.model.layers):
            x_BTD = layer(x_BTD, turn, packing, caches[index] if caches else None)
        return self.model.norm(x_BTD)


def _room(positions: int) -> int:
    """The next power of two, so that few rotations are ever made."""
    return 1 << (positions - 1).bit_length()
