"""The door to attention over packed documents: checked once, then the fast path for the shape at hand."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .reference import visible


@dataclass(frozen=True, eq=False)
class Packing:
    """Which positions of a batch see each other: made once per batch, used by every layer.

    `mask` is None when every row is one document, so that plain causal attention will do.
    """

    mask: Tensor | None

    @classmethod
    def of(cls, documents_BT: Tensor) -> Packing:
        """From the number of each position's document; numbers need only differ between neighbours."""
        single = bool((documents_BT == documents_BT[:, :1]).all())
        return cls(None if single else visible(documents_BT))


def attention(q_BHTK: Tensor, k_BGTK: Tensor, v_BGTK: Tensor, packing: Packing) -> Tensor:
    """Causal attention within documents; equal to `reference.attention`.

    Raises ValueError where heads do not group or shapes do not fit together.
    """
    if q_BHTK.shape[1] % k_BGTK.shape[1]:
        raise ValueError(f"{q_BHTK.shape[1]} query heads cannot share {k_BGTK.shape[1]} key-value heads")
    if k_BGTK.shape != v_BGTK.shape or q_BHTK.shape[2:] != k_BGTK.shape[2:]:
        raise ValueError(f"shapes do not fit: {[tuple(x.shape) for x in (q_BHTK, k_BGTK, v_BGTK)]}")
    return scaled_dot_product_attention(
        q_BHTK,
        k_BGTK,
        v_BGTK,
        attn_mask=packing.mask,
        is_causal=packing.mask is None,
        enable_gqa=q_BHTK.shape[1] != k_BGTK.shape[1],
    )


def decode(q_BH1K: Tensor, k_BGTK: Tensor, v_BGTK: Tensor) -> Tensor:
    """One new position per row against all that came before it: what generation asks for."""
    return scaled_dot_product_attention(q_BH1K, k_BGTK, v_BGTK, enable_gqa=q_BH1K.shape[1] != k_BGTK.shape[1])
