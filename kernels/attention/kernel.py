"""Attention in Triton: forward, and a backward without atomics, tile by tile of queries and keys.

T positions, K channels of a head; M a tile of queries, N a tile of keys.  Scores are
kept in base 2, so that softmax is one `exp2`: s2 = log2(e) · score, lse in base e.

The keys that a query sees are an interval, and so are the queries that see a key; both
ends grow along a row.  So the first and the last position of a tile tell everything: of the
keys [low, high) that any of its queries sees, the tiles between `all_low` and `all_high`
are seen by every one and take no mask, and the mask of the others is two comparisons.
Documents come as each position's first and last+1 position, `first` and `end`, and what
lies outside a tile's documents is never read.

Every output is written once, by one program, in one order: two runs agree to the bit.
"""

# pyright: reportGeneralTypeIssues=false
from __future__ import annotations

import triton
import triton.language as tl

_LOG2E = tl.constexpr(1.4426950408889634)
_LN2 = tl.constexpr(0.6931471805599453)
_FLOOR = tl.constexpr(-1.0e30)
"""Where a running maximum starts.  Finite: -inf less -inf is no number."""


@triton.jit
def forward(
    q,
    k,
    v,
    o,
    lse_ptr,
    first_ptr,
    end_ptr,
    heads,
    size,
    SHARE: tl.constexpr,
    SCALE: tl.constexpr,
    CAP: tl.constexpr,
    WINDOW: tl.constexpr,
    CAUSAL: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    WIDTH: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    ACC: tl.constexpr,
    UPCAST: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """One tile of queries of one head: its output and the logarithm of its softmax's denominator."""
    tile, row, head = _query_tile(heads, size, M)
    m0 = tile * M
    m_M = m0 + tl.arange(0, M)
    q_MK = _load(q, row, head, m0, M, WIDTH, UPCAST)
    group = head // SHARE
    last = tl.minimum(m0 + M, size) - 1
    first_M, end_M = _keys(first_ptr, end_ptr, row, m_M, size, WINDOW, CAUSAL, DOCUMENTS)
    low, all_high = _keys(first_ptr, end_ptr, row, m0, size, WINDOW, CAUSAL, DOCUMENTS)
    all_low, high = _keys(first_ptr, end_ptr, row, last, size, WINDOW, CAUSAL, DOCUMENTS)
    low, all_low, all_high, edges = _in_tiles(low, all_low, all_high, high, N)
    top_M = tl.full([M], _FLOOR, ACC)
    sum_M = tl.zeros([M], ACC)
    o_MK = tl.zeros([M, WIDTH], ACC)
    for MASK in tl.static_range(2):
        for at in tl.range(0, edges if MASK else (all_high - all_low) // N):
            n0 = _place(at, low, all_low, all_high, MASK, N)
            n_N = n0 + tl.arange(0, N)
            k_NK = _load(k, row, group, n0, N, WIDTH, UPCAST)
            v_NK = _load(v, row, group, n0, N, WIDTH, UPCAST)
            s2_MN = _scores(
                tl.dot(q_MK, tl.trans(k_NK), input_precision=PRECISION, out_dtype=ACC), SCALE, CAP
            )
            if MASK:
                seen_MN = (n_N[None, :] >= first_M[:, None]) & (n_N[None, :] < end_M[:, None])
                s2_MN = tl.where(seen_MN, s2_MN, float("-inf"))
            new_M = tl.maximum(top_M, tl.max(s2_MN, 1))
            p_MN = tl.exp2(s2_MN - new_M[:, None])
            shrink_M = tl.exp2(top_M - new_M)
            sum_M = sum_M * shrink_M + tl.sum(p_MN, 1)
            o_MK = o_MK * shrink_M[:, None]
            o_MK = tl.dot(p_MN.to(v_NK.dtype), v_NK, o_MK, input_precision=PRECISION, out_dtype=ACC)
            top_M = new_M
    sum_M = tl.where(m_M < size, sum_M, 1.0)  # beyond the row nothing is seen
    _store(o, o_MK / sum_M[:, None], row, head, m0, M, WIDTH)
    lse_M = (top_M + tl.log2(sum_M)) * _LN2
    tl.store(lse_ptr + _offset(row * heads + head, size) + m_M, lse_M, mask=m_M < size)


@triton.jit
def dots(
    o,
    do,
    delta_ptr,
    heads,
    size,
    WIDTH: tl.constexpr,
    M: tl.constexpr,
    ACC: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Each position's output times its gradient, summed: what softmax's backward subtracts."""
    tile, row, head = _query_tile(heads, size, M)
    m0 = tile * M
    m_M = m0 + tl.arange(0, M)
    o_MK = _load(o, row, head, m0, M, WIDTH, UPCAST)
    do_MK = _load(do, row, head, m0, M, WIDTH, UPCAST)
    delta_M = tl.sum(o_MK.to(ACC) * do_MK.to(ACC), 1)
    tl.store(delta_ptr + _offset(row * heads + head, size) + m_M, delta_M, mask=m_M < size)


@triton.jit
def backward_queries(
    q,
    k,
    v,
    do,
    lse_ptr,
    delta_ptr,
    dq,
    first_ptr,
    end_ptr,
    heads,
    size,
    SHARE: tl.constexpr,
    SCALE: tl.constexpr,
    CAP: tl.constexpr,
    WINDOW: tl.constexpr,
    CAUSAL: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    WIDTH: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    ACC: tl.constexpr,
    UPCAST: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """One tile of queries of one head: its gradient, gathered over the keys that it sees."""
    tile, row, head = _query_tile(heads, size, M)
    m0 = tile * M
    m_M = m0 + tl.arange(0, M)
    q_MK = _load(q, row, head, m0, M, WIDTH, UPCAST)
    do_MK = _load(do, row, head, m0, M, WIDTH, UPCAST)
    group = head // SHARE
    lse2_M, delta_M = _row_facts(lse_ptr, delta_ptr, _offset(row * heads + head, size), m_M, size)
    last = tl.minimum(m0 + M, size) - 1
    first_M, end_M = _keys(first_ptr, end_ptr, row, m_M, size, WINDOW, CAUSAL, DOCUMENTS)
    low, all_high = _keys(first_ptr, end_ptr, row, m0, size, WINDOW, CAUSAL, DOCUMENTS)
    all_low, high = _keys(first_ptr, end_ptr, row, last, size, WINDOW, CAUSAL, DOCUMENTS)
    low, all_low, all_high, edges = _in_tiles(low, all_low, all_high, high, N)
    dq_MK = tl.zeros([M, WIDTH], ACC)
    for MASK in tl.static_range(2):
        for at in tl.range(0, edges if MASK else (all_high - all_low) // N):
            n0 = _place(at, low, all_low, all_high, MASK, N)
            n_N = n0 + tl.arange(0, N)
            k_NK = _load(k, row, group, n0, N, WIDTH, UPCAST)
            v_NK = _load(v, row, group, n0, N, WIDTH, UPCAST)
            s2_MN = _scores(
                tl.dot(q_MK, tl.trans(k_NK), input_precision=PRECISION, out_dtype=ACC), SCALE, CAP
            )
            p_MN = tl.exp2(s2_MN - lse2_M[:, None])
            if MASK:
                seen_MN = (n_N[None, :] >= first_M[:, None]) & (n_N[None, :] < end_M[:, None])
                p_MN = tl.where(seen_MN, p_MN, 0.0)
            dp_MN = tl.dot(do_MK, tl.trans(v_NK), input_precision=PRECISION, out_dtype=ACC)
            ds_MN = _through_cap(p_MN * (dp_MN - delta_M[:, None]), s2_MN, CAP)
            dq_MK = tl.dot(ds_MN.to(k_NK.dtype), k_NK, dq_MK, input_precision=PRECISION, out_dtype=ACC)
    _store(dq, dq_MK * SCALE, row, head, m0, M, WIDTH)


@triton.jit
def backward_keys(
    q,
    k,
    v,
    do,
    lse_ptr,
    delta_ptr,
    dk,
    dv,
    first_ptr,
    end_ptr,
    heads,
    size,
    SHARE: tl.constexpr,
    SCALE: tl.constexpr,
    CAP: tl.constexpr,
    WINDOW: tl.constexpr,
    CAUSAL: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    WIDTH: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    ACC: tl.constexpr,
    UPCAST: tl.constexpr,
    PRECISION: tl.constexpr,
    KEYS: tl.constexpr,
    VALUES: tl.constexpr,
):
    """One tile of keys of one key-value head: its gradients, over the queries of all heads that share it.

    Both at once, or those of the keys or of the values alone, where the sums of both would not fit the registers.
    """
    groups = heads // SHARE
    program = tl.program_id(0)
    n0 = program // (tl.num_programs(0) // tl.cdiv(size, N)) * N
    at = program % (tl.num_programs(0) // tl.cdiv(size, N))
    row = at // groups
    group = at % groups
    n_N = n0 + tl.arange(0, N)
    k_NK = _load(k, row, group, n0, N, WIDTH, UPCAST)
    v_NK = _load(v, row, group, n0, N, WIDTH, UPCAST)
    last = tl.minimum(n0 + N, size) - 1
    first_N, end_N = _queries(first_ptr, end_ptr, row, n_N, size, WINDOW, CAUSAL, DOCUMENTS)
    low, all_high = _queries(first_ptr, end_ptr, row, n0, size, WINDOW, CAUSAL, DOCUMENTS)
    all_low, high = _queries(first_ptr, end_ptr, row, last, size, WINDOW, CAUSAL, DOCUMENTS)
    low, all_low, all_high, edges = _in_tiles(low, all_low, all_high, high, M)
    dk_NK = tl.zeros([N, WIDTH], ACC)
    dv_NK = tl.zeros([N, WIDTH], ACC)
    for MASK in tl.static_range(2):
        tiles = edges if MASK else (all_high - all_low) // M
        for at in tl.range(0, tiles * SHARE):
            m0 = _place(at % tiles, low, all_low, all_high, MASK, M)
            m_M = m0 + tl.arange(0, M)
            head = group * SHARE + at // tiles
            q_MK = _load(q, row, head, m0, M, WIDTH, UPCAST)
            do_MK = _load(do, row, head, m0, M, WIDTH, UPCAST)
            lse2_M, delta_M = _row_facts(lse_ptr, delta_ptr, _offset(row * heads + head, size), m_M, size)
            s2_NM = _scores(
                tl.dot(k_NK, tl.trans(q_MK), input_precision=PRECISION, out_dtype=ACC), SCALE, CAP
            )
            p_NM = tl.exp2(s2_NM - lse2_M[None, :])
            if MASK:
                seen_NM = (m_M[None, :] >= first_N[:, None]) & (m_M[None, :] < end_N[:, None])
                p_NM = tl.where(seen_NM, p_NM, 0.0)
            if VALUES:
                dv_NK = tl.dot(p_NM.to(do_MK.dtype), do_MK, dv_NK, input_precision=PRECISION, out_dtype=ACC)
            if KEYS:
                dp_NM = tl.dot(v_NK, tl.trans(do_MK), input_precision=PRECISION, out_dtype=ACC)
                ds_NM = _through_cap(p_NM * (dp_NM - delta_M[None, :]), s2_NM, CAP)
                dk_NK = tl.dot(ds_NM.to(q_MK.dtype), q_MK, dk_NK, input_precision=PRECISION, out_dtype=ACC)
    if KEYS:
        _store(dk, dk_NK * SCALE, row, group, n0, N, WIDTH)
    if VALUES:
        _store(dv, dv_NK, row, group, n0, N, WIDTH)


@triton.jit
def _query_tile(heads, size, M: tl.constexpr):
    """Which tile, row and head a program owns: the tiles that see the most begin first.

    Heads are neighbours within a tile, so that those which share keys read them from L2.
    """
    tiles = tl.cdiv(size, M)
    program = tl.program_id(0)
    each = tl.num_programs(0) // tiles
    at = program % each
    return tiles - 1 - program // each, at // heads, at % heads


@triton.jit
def _offset(index, size):
    """Where the index-th stretch of `size` numbers begins, in 64 bits: 512 heads of 2^22 positions pass 2^31."""
    return index.to(tl.int64) * size


@triton.jit
def _keys(
    first_ptr,
    end_ptr,
    row,
    m,
    size,
    WINDOW: tl.constexpr,
    CAUSAL: tl.constexpr,
    DOCUMENTS: tl.constexpr,
):
    """Keys [first, end) that a query at m sees; m is one position or many."""
    first, end = _document(first_ptr, end_ptr, row, m, size, DOCUMENTS)
    if CAUSAL:
        end = m + 1
    if WINDOW > 0:
        first = tl.maximum(first, m - WINDOW + 1)
    return first, end


@triton.jit
def _queries(
    first_ptr,
    end_ptr,
    row,
    n,
    size,
    WINDOW: tl.constexpr,
    CAUSAL: tl.constexpr,
    DOCUMENTS: tl.constexpr,
):
    """The same the other way round: queries that see a key at n."""
    first, end = _document(first_ptr, end_ptr, row, n, size, DOCUMENTS)
    if CAUSAL:
        first = n
    if WINDOW > 0:
        end = tl.minimum(end, n + WINDOW)
    return first, end


@triton.jit
def _document(first_ptr, end_ptr, row, at, size, DOCUMENTS: tl.constexpr):
    """Where the document of a position begins and ends; without documents, the row."""
    if DOCUMENTS:
        here = _offset(row, size) + at
        return tl.load(first_ptr + here, mask=at < size, other=0), tl.load(
            end_ptr + here, mask=at < size, other=0
        )
    return at * 0, at * 0 + size


@triton.jit
def _in_tiles(low, all_low, all_high, high, STEP: tl.constexpr):
    """The same at the edges of tiles, and how many tiles take a mask: those left and right of the rest."""
    low = low // STEP * STEP
    all_low = tl.minimum(tl.cdiv(all_low, STEP) * STEP, high)
    all_high = tl.maximum(all_high // STEP * STEP, all_low)
    edges = tl.cdiv(all_low - low, STEP) + tl.cdiv(high - all_high, STEP)
    return low, all_low, all_high, edges


@triton.jit
def _place(at, low, all_low, all_high, MASK: tl.constexpr, STEP: tl.constexpr):
    """Where a tile begins: among those that all see, or among the edges, left ones first."""
    if MASK:
        left = tl.cdiv(all_low - low, STEP)
        return tl.where(at < left, low + at * STEP, all_high + (at - left) * STEP)
    return all_low + at * STEP


@triton.jit
def _scores(dot_XY, SCALE: tl.constexpr, CAP: tl.constexpr):
    """In base 2; capped with tanh(x) = 1 - 2 / (1 + exp(2x)), which needs one exp2 and no library."""
    if CAP > 0:
        tanh_XY = 1.0 - 2.0 / (1.0 + tl.exp2(dot_XY * (2.0 * SCALE / CAP * _LOG2E)))
        return tanh_XY * (CAP * _LOG2E)
    return dot_XY * (SCALE * _LOG2E)


@triton.jit
def _through_cap(ds_XY, s2_XY, CAP: tl.constexpr):
    """A capped score's gradient as the score's: a tanh grows by 1 - tanh²."""
    if CAP > 0:
        tanh_XY = s2_XY * (1.0 / (CAP * _LOG2E))
        ds_XY *= 1.0 - tanh_XY * tanh_XY
    return ds_XY


@triton.jit
def _row_facts(lse_ptr, delta_ptr, at, m_M, size):
    """A query's lse in base 2 and its delta; beyond the row +inf, which makes every p nothing."""
    lse_M = tl.load(lse_ptr + at + m_M, mask=m_M < size, other=float("inf"))
    return lse_M * _LOG2E, tl.load(delta_ptr + at + m_M, mask=m_M < size, other=0.0)


@triton.jit
def _load(x, row, head, x0, X: tl.constexpr, WIDTH: tl.constexpr, UPCAST: tl.constexpr):
    """A tile of X positions of a head; zeros beyond the row and beyond its channels."""
    x_XK = tl.reshape(x.load([row, head, x0, 0]), [X, WIDTH])
    return x_XK.to(tl.float32) if UPCAST else x_XK


@triton.jit
def _store(x, tile_XK, row, head, x0, X: tl.constexpr, WIDTH: tl.constexpr):
    x.store([row, head, x0, 0], tl.reshape(tile_XK.to(x.dtype), [1, 1, X, WIDTH]))
