"""Triton: a divergence between two models' rows of logits, and its gradient by the student's.

Sums have the dtype of the logits: fp32, or fp64 in the interpreter.  Offsets are int64.
"""

import triton
import triton.language as tl

from ..cross_entropy.kernel import merge, slope, soften


@triton.jit
def tile_of(row, column, vocab, cap, inverse_temperature, CAPPED: tl.constexpr):
    """Softened logits; those beyond the vocabulary are finite, and left out by whoever adds up."""
    raw = tl.load(row + column, mask=column < vocab, other=0.0)
    return soften(raw, cap, inverse_temperature, CAPPED)


@triton.jit
def log_sum_of(row, vocab, cap, inverse_temperature, BLOCK: tl.constexpr, CAPPED: tl.constexpr):
    top = tl.full((), float("-inf"), row.dtype.element_ty)
    total = tl.full((), 0.0, row.dtype.element_ty)
    for first in range(0, vocab, BLOCK):
        column = first + tl.arange(0, BLOCK)
        z = tile_of(row, column, vocab, cap, inverse_temperature, CAPPED)
        top, total = merge(top, total, tl.where(column < vocab, z, float("-inf")), 0)
    return top + tl.log(total)


@triton.jit
def log_mixture(p, q, beta, TINY: tl.constexpr):
    """Cut where both have underflown: there it weighs nothing."""
    return tl.log(tl.maximum(beta * p + (1.0 - beta) * q, TINY))


@triton.jit
def divergence_rows(
    student,
    teacher,
    gradients,
    weights,
    losses,
    vocab,
    student_row,
    teacher_row,
    gradients_row,
    cap,
    teacher_cap,
    inverse_temperature,
    beta,
    BLOCK: tl.constexpr,
    CAPPED: tl.constexpr,
    TEACHER_CAPPED: tl.constexpr,
    KIND: tl.constexpr,
    TINY: tl.constexpr,
    WANTS: tl.constexpr,
):
    """One row: both log-sums, then the loss, then the gradient, which but for KL(teacher‖student) needs the loss."""
    row = tl.program_id(0).to(tl.int64)
    student += row * student_row
    teacher += row * teacher_row
    gradients += row * gradients_row
    weight = tl.load(weights + row)
    student_sum = log_sum_of(student, vocab, cap, inverse_temperature, BLOCK, CAPPED)
    teacher_sum = log_sum_of(teacher, vocab, teacher_cap, inverse_temperature, BLOCK, TEACHER_CAPPED)

    by_teacher = tl.full((), 0.0, student.dtype.element_ty)
    by_student = tl.full((), 0.0, student.dtype.element_ty)
    for first in range(0, vocab, BLOCK):
        column = first + tl.arange(0, BLOCK)
        live = column < vocab
        z = tile_of(student, column, vocab, cap, inverse_temperature, CAPPED)
        t = tile_of(teacher, column, vocab, teacher_cap, inverse_temperature, TEACHER_CAPPED)
        log_q, log_p = z - student_sum, t - teacher_sum
        p = tl.where(live, tl.exp(log_p), 0.0)
        q = tl.where(live, tl.exp(log_q), 0.0)
        if KIND == "forward":
            by_teacher += tl.sum(p * (log_p - log_q), 0)
            if WANTS:
                g = (q - p) * slope(z, cap, inverse_temperature, CAPPED)
                tl.store(gradients + column, tl.where(weight != 0, weight * g, 0.0), mask=live)
        elif KIND == "reverse":
            by_student += tl.sum(q * (log_q - log_p), 0)
        else:
            log_m = log_mixture(p, q, beta, TINY)
            by_teacher += tl.sum(p * (log_p - log_m), 0)
            by_student += tl.sum(q * (log_q - log_m), 0)
    if KIND == "forward":
        loss = by_teacher
    elif KIND == "reverse":
        loss = by_student
    else:
        loss = beta * by_teacher + (1.0 - beta) * by_student
    tl.store(losses + row, tl.where(weight != 0, weight * loss, 0.0))

    if WANTS and KIND != "forward":
        for first in range(0, vocab, BLOCK):
            column = first + tl.arange(0, BLOCK)
            live = column < vocab
            z = tile_of(student, column, vocab, cap, inverse_temperature, CAPPED)
            t = tile_of(teacher, column, vocab, teacher_cap, inverse_temperature, TEACHER_CAPPED)
            log_q, log_p = z - student_sum, t - teacher_sum
            q = tl.exp(log_q)
            if KIND == "reverse":
                g = q * (log_q - log_p - by_student)
            else:
                p = tl.exp(log_p)
                g = (1.0 - beta) * q * (log_q - log_mixture(p, q, beta, TINY) - by_student)
            g *= slope(z, cap, inverse_temperature, CAPPED)
            tl.store(gradients + column, tl.where(weight != 0, weight * g, 0.0), mask=live)
