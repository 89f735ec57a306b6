"""Triton: losses and gradients of rows of logits, and log-probabilities without any logits.

Sums have the dtype of the logits: fp32, or fp64 in the interpreter.  Offsets are int64: 8 192 tokens of
262 144 entries are 2^31 numbers.  A tile's columns beyond the vocabulary are -inf after the cap, never
before it: a capped -inf would be a live logit of -cap.
"""

import triton
import triton.language as tl


@triton.jit
def tanh(x):
    """From one exponential, within ±1 for any x."""
    small = tl.exp(-2.0 * tl.abs(x))
    size = (1.0 - small) / (1.0 + small)
    return tl.where(x < 0, -size, size)


@triton.jit
def soften(z, cap, inverse_temperature, CAPPED: tl.constexpr):
    if CAPPED:
        z = cap * tanh(z / cap)
    return z * inverse_temperature


@triton.jit
def slope(soft, cap, inverse_temperature, CAPPED: tl.constexpr):
    """How a softened logit moves with the logit that it was."""
    if CAPPED:
        t = soft / (cap * inverse_temperature)
        return inverse_temperature * (1.0 - t * t)
    return soft * 0.0 + inverse_temperature


@triton.jit
def merge(top, total, z, axis: tl.constexpr):
    """A running maximum and the sum of exponentials below it, with one tile more.  Of nothing but -inf the sum is 0."""
    higher = tl.maximum(top, tl.max(z, axis))
    base = tl.where(higher == float("-inf"), 0.0, higher)
    below = z - (base if axis == 0 else base[:, None])
    return higher, total * tl.exp(top - base) + tl.sum(tl.exp(below), axis)


@triton.jit
def cross_entropy_rows(
    logits,
    gradients,
    ids,
    shares,
    weights,
    losses,
    vocab,
    targets,
    logits_row,
    gradients_row,
    cap,
    inverse_temperature,
    z_loss,
    K: tl.constexpr,
    BLOCK: tl.constexpr,
    CAPPED: tl.constexpr,
    REMAINDER: tl.constexpr,
    WANTS: tl.constexpr,
):
    """The loss of one row, and in a second sweep its gradient.  K is a power of two that holds the `targets`.

    With a remainder, the targets' logits are -inf in the sweeps, which so see the others alone.
    """
    row = tl.program_id(0).to(tl.int64)
    logits += row * logits_row
    gradients += row * gradients_row
    weight = tl.load(weights + row)
    k = tl.arange(0, K)
    here = row * targets + k
    share = tl.load(shares + here, mask=k < targets, other=0.0)
    entry = tl.load(ids + here, mask=k < targets, other=0)
    aimed = (k < targets) & (share != 0.0) if not REMAINDER else k < targets
    real = aimed & (entry >= 0) & (entry < vocab)
    picked = soften(tl.load(logits + entry, mask=real, other=0.0), cap, inverse_temperature, CAPPED)
    picked = tl.where(aimed & (real == 0), float("nan"), picked)
    if REMAINDER:
        tl.debug_barrier()
        tl.store(logits + entry, tl.full((K,), float("-inf"), picked.dtype), mask=real)
        tl.debug_barrier()

    top = tl.full((), float("-inf"), logits.dtype.element_ty)
    total = tl.full((), 0.0, logits.dtype.element_ty)
    for first in range(0, vocab, BLOCK):
        column = first + tl.arange(0, BLOCK)
        raw = tl.load(logits + column, mask=column < vocab, other=float("-inf"))
        z = soften(tl.where(raw == float("-inf"), 0.0, raw), cap, inverse_temperature, CAPPED)
        top, total = merge(top, total, tl.where(raw == float("-inf"), float("-inf"), z), 0)

    base = tl.where(total > 0, top, 0.0)
    total_or_one = tl.where(total > 0, total, 1.0)
    log_swept = base + tl.log(total_or_one)
    if REMAINDER:
        out = tl.where(real, picked, float("-inf"))
        highest = tl.maximum(tl.max(out, 0), tl.where(total > 0, top, float("-inf")))
        kept = tl.sum(tl.exp(out - highest), 0)
        log_sum = highest + tl.log(kept + total * tl.exp(base - highest))
        rest = tl.maximum(1.0 - tl.sum(share, 0), 0.0)
        rest = tl.where(total > 0, rest, 0.0)
        of_rest = tl.where(rest > 0, rest * (log_swept - log_sum), 0.0)
        loss = -of_rest - tl.sum(tl.where(aimed, share * (picked - log_sum), 0.0), 0)
        factor = weight * (tl.where(total > 0, tl.exp(log_swept - log_sum), 0.0) - rest)
    else:
        log_sum = log_swept
        loss = log_sum - tl.sum(tl.where(aimed, share * picked, 0.0), 0) + z_loss * log_sum * log_sum
        factor = weight * (1.0 + 2.0 * z_loss * log_sum)
    tl.store(losses + row, tl.where(weight != 0, weight * loss, 0.0))

    if WANTS:
        for first in range(0, vocab, BLOCK):
            column = first + tl.arange(0, BLOCK)
            raw = tl.load(logits + column, mask=column < vocab, other=float("-inf"))
            dead = raw == float("-inf")
            soft = soften(tl.where(dead, 0.0, raw), cap, inverse_temperature, CAPPED)
            q = tl.where(dead, 0.0, tl.exp(soft - base) / total_or_one)
            g = factor * q * slope(soft, cap, inverse_temperature, CAPPED)
            tl.store(gradients + column, tl.where(weight != 0, g, 0.0), mask=column < vocab)
        if REMAINDER:
            own = weight * (tl.exp(picked - log_sum) - share)
        else:
            own = factor * tl.exp(picked - log_sum) - weight * share
        own *= slope(picked, cap, inverse_temperature, CAPPED)
        tl.debug_barrier()
        tl.store(gradients + entry, tl.where(weight != 0, own, 0.0), mask=real)


@triton.jit
def log_sums(
    hidden,
    unembedding,
    ids,
    tops,
    totals,
    picked,
    tokens,
    vocab,
    width,
    hidden_row,
    hidden_column,
    unembedding_row,
    unembedding_column,
    cap,
    TOKENS: tl.constexpr,
    ENTRIES: tl.constexpr,
    WIDTH: tl.constexpr,
    TILES: tl.constexpr,
    CAPPED: tl.constexpr,
    WIDE: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """A tile of tokens against a stretch of the vocabulary: maximum and sum of exponentials, and the label's logit.

    Neighbouring programs share the stretch, so its rows are read from the second-level cache.
    `UPCAST` is for the interpreter, which has no bf16.
    """
    n = tl.program_id(0).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)
    stretch = tl.program_id(1)
    inside = n < tokens
    entry = tl.load(ids + n, mask=inside, other=-1)
    top = tl.full((TOKENS,), float("-inf"), WIDE)
    total = tl.zeros((TOKENS,), WIDE)
    label = tl.zeros((TOKENS,), WIDE)
    for tile in range(TILES):
        v = (stretch * TILES + tile).to(tl.int64) * ENTRIES + tl.arange(0, ENTRIES)
        z = tl.zeros((TOKENS, ENTRIES), WIDE)
        for first in range(0, width, WIDTH):
            d = first + tl.arange(0, WIDTH)
            x = tl.load(
                hidden + n[:, None] * hidden_row + d[None, :] * hidden_column,
                mask=inside[:, None] & (d[None, :] < width),
                other=0.0,
            )
            w = tl.load(
                unembedding + v[None, :] * unembedding_row + d[:, None] * unembedding_column,
                mask=(v[None, :] < vocab) & (d[:, None] < width),
                other=0.0,
            )
            if UPCAST:
                x, w = x.to(WIDE), w.to(WIDE)
            z = tl.dot(x, w, z, input_precision="ieee", out_dtype=WIDE)
        z = soften(z, cap, 1.0, CAPPED)
        z = tl.where(v[None, :] < vocab, z, float("-inf"))
        label += tl.sum(tl.where(v[None, :] == entry[:, None], z, 0.0), 1)
        top, total = merge(top, total, z, 1)
    at = stretch.to(tl.int64) * tokens + n
    tl.store(tops + at, top, mask=inside)
    tl.store(totals + at, total, mask=inside)
    low = stretch * TILES * ENTRIES
    tl.store(
        picked + n, label, mask=inside & (entry >= low) & (entry < low + TILES * ENTRIES) & (entry < vocab)
    )
