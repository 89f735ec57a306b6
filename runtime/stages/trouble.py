"""Letters of a training stage that cannot go on: what was seen, since when, and what may help."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ...compiler.plan.model import Move, Phase, Step, TrainedWork
from ..errors import StageError

if TYPE_CHECKING:
    from .passes import Passes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage is: steps done, steps done when it was last saved, norms of its last gradients."""

    step: Step
    work: TrainedWork
    done: int
    saved: int
    norms: Sequence[float]

    def notes(self) -> tuple[str, ...]:
        """What happened on the way here, and what there is to go back to."""
        last = f"step {self.saved}" if self.saved else "none; the stage begins anew"
        return (*self._rose(), *moved(self.work.phases, self.done), f"last checkpoint: {last}")

    def moves(self) -> tuple[tuple[Move, str], ...]:
        """The changes of the course that came last before here, and what to say of them in the spec."""
        past = [move for move in self.step.moves if move.step <= self.done]
        latest = max((move.step for move in past), default=0)
        ago = f"{self.done - latest} step{'' if self.done - latest == 1 else 's'} earlier"
        return tuple((move, f"{move.what} moved here, {ago}") for move in past if move.step == latest)

    def _rose(self) -> list[str]:
        if len(self.norms) < 2:
            return []
        first, last = self.norms[0], self.norms[-1]
        return [f"gradient norm {first:.3g} → {last:.3g} over the last {len(self.norms)} steps"]


def moved(phases: Sequence[Phase], done: int) -> list[str]:
    """The last change of context, batch or RoPE base before a step, and how long ago it was."""
    start, found = 0, list[str]()
    for before, now in pairwise(phases):
        start += before.steps
        if start > done:
            break
        told = [
            f"{name} moved {a:g} → {b:g}"
            for name, a, b in (
                ("context", before.context, now.context),
                ("sequences a step", before.sequences, now.sequences),
                ("rope", before.rope, now.rope),
            )
            if a != b
        ]
        ago = done - start
        found = [f"{', '.join(told)} {ago} step{'' if ago == 1 else 's'} earlier"] if told else found
    return found


def not_finite(at: Place, loss: float, norm: float) -> StageError:
    name = at.step.address
    return StageError(
        "RUN104",
        "loss-not-finite",
        f"the loss of `{name}` is not a finite number at step {at.done + 1}",
        notes=(f"loss {loss:g}, gradient norm {norm:g}; the step was not applied", *at.notes()),
        help=("lower `lr`, lengthen its warm-up, or set the optimizer's `clip` or `skip`",),
        step=name,
        moves=at.moves(),
    )


def spiked(at: Place, norm: float, skip: float, times: int) -> StageError:
    name = at.step.address
    return StageError(
        "RUN131",
        "gradient-spike",
        f"`{name}` skipped {times} steps in a row up to step {at.done + 1}",
        notes=(f"gradient norm {norm:g}, and `skip` is {skip:g}", *at.notes()),
        help=("what does not pass is no spike: lower `lr`, lengthen its warm-up, or raise `skip`",),
        step=name,
        moves=at.moves(),
    )


def out_of_memory(at: Place, phase: Phase, passes: Passes) -> StageError:
    """Fewer sequences at once, where that is to be had: half of the memory that was not there is the next to try."""
    name, rows = at.step.address, passes.rows.get(phase.context)
    pass_of = f"{rows} sequence{'' if rows == 1 else 's'}" if rows else "one sequence"
    smaller = rows is None or rows > 1 or not passes.model.recompute
    return StageError(
        "RUN130",
        "out-of-memory",
        f"`{name}` ran out of memory at step {at.done + 1}, at a context of {phase.context}",
        notes=(
            f"{pass_of} of {phase.context} tokens went through the model at once, which was allowed "
            f"{_size(passes.room)} of {_size(passes.memory)} for it",
            *at.notes(),
        ),
        help=(
            f"`lehr resume --memory {_size(passes.memory // 2)}` sends fewer sequences through at once"
            if smaller
            else f"one sequence does not fit: lower `context`, or the layers or the width of the model of `{name}`",
        ),
        step=name,
        moves=at.moves(),
    )


def _size(count: int) -> str:
    """Bytes as `--memory` takes them."""
    return f"{count / 1e9:.1f}GB".replace(".0", "") if count >= 1e9 else f"{count / 1e6:.0f}MB"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was refused: the system numbers it, and torch's CPU allocator says so in words alone."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and (type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error))
    )


def not_compiled(at: Place, error: BaseException) -> StageError:
    name = at.step.address
    said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return StageError(
        "RUN160",
        "not-compiled",
        f"`torch.compile` cannot compile the layers of `{name}` here",
        notes=(said.strip(), *at.notes()),
        help=(
            "it needs a C++ compiler on a CPU, and Triton on a GPU; `lehr resume` without `--compile` goes on",
        ),
        step=name,
        moves=at.moves(),
    )


def is_of_the_compiler(error: BaseException) -> bool:
    """Whether `torch.compile` gave up: everything that it raises is made in its two packages."""
    made_in = [kind.__module__ for kind in type(error).__mro__]
    return any(module.startswith(("torch._dynamo", "torch._inductor")) for module in made_in)
