"""The one training loop: it follows a stage's phases, saves its state, and goes on from it.

A state holds everything that the next step depends on -- weights, moments,
average, the feed's position -- so a stage that was cut off anywhere ends with the
same weights, bit for bit, as one that ran through.  Nothing that affects a
result reads the clock.  What a kind of stage learns by is its loss and its feed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ...compiler.plan.model import Phase, Step, TrainedWork, rate
from ..errors import Interrupted
from ..parts.data.feed import Batch
from ..parts.model.decoder import Decoder
from ..parts.optim.average import Average
from ..parts.optim.merge_back import Merging
from ..parts.optim.optimizer import load_state, optimizer_for, set_rate, state_tensors
from ..store.faults import fault_point
from . import trouble
from .passes import Loss, Passes
from .room import Facts, Room
from .watch import Watch

FEED = "feed."
"""How the names of a feed's own tensors begin in a state."""
_TAIL = 20
"""Losses of the last steps, whose mean is the stage's final loss."""
_NORMS = 12
"""Norms of the last gradients, for a letter."""
_IN_A_ROW = 10
"""Steps skipped one after the other that are no spike any more."""


class Batches(Protocol):
    """What a stage learns from, one batch after the other; its state is JSON."""

    def batch(self, step: int) -> Batch: ...

    def drawn(self) -> dict[str, int]: ...

    def state(self) -> dict[str, Any]: ...

    def load(self, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class Kept(Protocol):
    """Batches that have tensors to keep beside their state, such as a reference's log-probabilities."""

    def tensors(self) -> Mapping[str, Tensor]: ...


@runtime_checkable
class Held(Kept, Protocol):
    """Batches that take their tensors back, such as answers of which a step is still to come."""

    def hold(self, tensors: Mapping[str, Tensor]) -> None: ...


@dataclass
class Loop:
    """A stage on its way.  `run` takes it to its end, or raises with its state saved."""

    step: Step
    work: TrainedWork
    model: Decoder
    feed: Batches
    room: Room
    loss: Loss
    others: int = 0
    """Bytes of models that stand still beside the one that learns."""
    before: Callable[[int], None] | None = None
    """Told how many steps are done before a gate measures the model and the next step begins."""
    difference: Mapping[str, Tensor] | None = None
    """What a reference model learned, by parameter, where the work merges it back."""
    done: int = 0
    tail: list[float] = field(default_factory=list[float])
    beside: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    skipped: int = 0
    in_a_row: int = 0

    def __post_init__(self) -> None:
        self.model.to(self.room.means.device)
        self.passes = Passes(self.model, self.loss, self.work.compute, self.room.means, self.others)
        self.optimizer = optimizer_for(self.model, self.work.optimizer)
        if self.work.merge_back:
            assert self.difference is not None
            back, rng = self.work.merge_back, self.work.rng
            merging = Merging(self.optimizer, self.model, self.difference, back, rng)
            self.passes.others += merging.bytes
        self.average = Average(self.work.average.rate if self.work.average else None)
        self.norms: deque[float] = deque(maxlen=_NORMS)
        self.begun = self.saved = 0

    def run(self) -> Facts:
        """Train to the end.  Whatever ends it earlier, a state that is being written is written first."""
        try:
            return self._run()
        except Exception:
            with suppress(Exception):  # what is on its way to the user matters more
                self._settle(wait=True)
            raise

    def _run(self) -> Facts:
        self._restore()
        watch = Watch(self.room, self.work, self.done)
        for phase, start, end in _left(self.work.phases, self.done):
            fault_point("phase")
            self.room.say("phase", step=start, **_told(phase))
            for _ in range(start, end):
                if self.before:
                    self.before(self.done)
                self.room.gate(self.done, self.model, self._save)
                watch.saw(self._guarded(phase), phase, self._told())
                self._rest()
        self._settle(wait=True)
        self._finish()
        return {
            "loss": _mean(self.tail),
            **{name: _mean(values) for name, values in self.beside.items()},
            "steps": self.done,
            "tokens": sum(phase.tokens for phase in self.work.phases),
            "drawn": self.feed.drawn(),
            **({"skipped": self.skipped} if self.work.optimizer.skip else {}),
        }

    # ---- one step ----------------------------------------------------------------------

    def _guarded(self, phase: Phase) -> float:
        try:
            return self._advance(phase)
        except (MemoryError, RuntimeError) as error:
            if trouble.is_out_of_memory(error):
                raise trouble.out_of_memory(self._place(), phase, self.passes) from error
            if trouble.is_of_the_compiler(error):
                raise trouble.not_compiled(self._place(), error) from error
            raise

    def _advance(self, phase: Phase) -> float:
        set_rate(self.optimizer, rate(self.work.lr, self.done))
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.passes.gradient(self.feed.batch(self.done), phase).item()
        if self._accepts(loss, self._clip()):
            self.optimizer.step()
        fault_point("step")
        self.done += 1
        self.tail = [*self.tail, loss][-_TAIL:]
        for name, value in self.passes.beside.items():
            self.beside[name] = [*self.beside.get(name, ()), value.item()][-_TAIL:]
        if _is_sampled(self.work, self.done):
            self.average.add(self.model)
        return loss

    def _told(self) -> dict[str, float]:
        """What was told beside the last loss."""
        return {name: values[-1] for name, values in self.beside.items()}

    def _clip(self) -> float:
        """The gradient's L2 norm, before it is cut to the plan's largest."""
        parameters = [parameter for parameter in self.model.parameters() if parameter.grad is not None]
        total = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
        if self.work.optimizer.clip is not None:
            clip_grads_with_norm_(parameters, self.work.optimizer.clip, total)
        return total.item()

    def _accepts(self, loss: float, norm: float) -> bool:
        """Whether the step is taken; one whose gradient is too large is passed over where the plan says so."""
        self.norms.append(norm)
        skip = self.work.optimizer.skip
        if math.isfinite(loss) and norm < (math.inf if skip is None else skip):
            self.in_a_row = 0
            return True
        if skip is None or not math.isfinite(loss):
            raise trouble.not_finite(self._place(), loss, norm)
        self.skipped, self.in_a_row = self.skipped + 1, self.in_a_row + 1
        if self.in_a_row == _IN_A_ROW:
            raise trouble.spiked(self._place(), norm, skip, _IN_A_ROW)
        self.room.say("skipped", step=self.done + 1, norm=norm if math.isfinite(norm) else str(norm))
        return False

    def _rest(self) -> None:
        """Between two steps: save when it is time, stop when someone asked to."""
        self._settle()
        every = self.step.checkpoint.every if self.step.checkpoint else 0
        if self.room.stopping and self.done < self.work.steps:
            self._save()
            self._settle(wait=True)
            headline = f"`{self.step.address}` stopped after step {self.done} of {self.work.steps}"
            raise Interrupted(headline, step=self.step.address)
        if every and self.done % every == 0 and self.done < self.work.steps:
            self._save()

    def _finish(self) -> None:
        """The weights become their average, and the model the one that its last phase trained."""
        if self.average.count:
            with torch.no_grad():
                parameters = dict(self.model.named_parameters())
                for name, mean in self.average.mean().items():
                    parameters[name].copy_(mean)
        if rope := self.work.phases[-1].rope:
            self.model.arch = self.model.arch.model_copy(update={"rope": rope})

    def _place(self) -> trouble.Place:
        """For a letter, which names the last state that is kept: one on its way is waited for."""
        with suppress(Exception):
            self._settle(wait=True)
        return trouble.Place(self.step, self.work, self.done, self.saved, tuple(self.norms))

    # ---- state -------------------------------------------------------------------------

    def _save(self) -> None:
        """Begin to keep the state, unless this very one is kept: a gate may ask for it at every start."""
        if self.begun == self.done:
            return
        self._settle(wait=True)
        tensors = {f"weights.{name}": tensor.detach() for name, tensor in self.model.named_parameters()}
        tensors |= state_tensors(self.optimizer, self.model)
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.tensors().items()}
        if isinstance(self.feed, Kept):
            tensors |= {f"{FEED}{name}": tensor for name, tensor in self.feed.tensors().items()}
        meta = {"feed": self.feed.state(), "tail": self.tail, "skipped": [self.skipped, self.in_a_row]}
        meta |= {"beside": self.beside, "passes": self.passes.state()}
        self.room.checkpoints.save(self.done, tensors, meta)
        self.begun = self.done

    def _settle(self, wait: bool = False) -> None:
        """Tell of a state once it is kept; an error of its writing comes up here."""
        kept = self.room.checkpoints.kept(wait)
        if kept > self.saved:
            self.saved = kept
            self.room.say("saved", step=kept)

    def _restore(self) -> None:
        found = self.room.checkpoints.latest()
        if found is None or not found[0]:  # before the first step only a feed has kept something
            return
        self.done, tensors, meta = found
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(tensors[f"weights.{name}"])
        load_state(self.optimizer, self.model, tensors)
        averaged = {
            name.removeprefix("average."): t for name, t in tensors.items() if name.startswith("average.")
        }
        self.average.load(averaged, self.passes.device)
        self.feed.load(meta["feed"])
        if isinstance(self.feed, Held):
            self.feed.hold(
                {name.removeprefix(FEED): t for name, t in tensors.items() if name.startswith(FEED)}
            )
        self.passes.load(meta["passes"])
        self.tail, self.saved, self.begun = list(meta["tail"]), self.done, self.done
        self.beside = dict(meta.get("beside", {}))
        self.skipped, self.in_a_row = meta["skipped"]
        self.room.say("resumed", step=self.done)


def _left(phases: tuple[Phase, ...], done: int) -> Iterator[tuple[Phase, int, int]]:
    """The phases that are not over after `done` steps, each with the steps that it still has."""
    end = 0
    for phase in phases:
        start, end = end, end + phase.steps
        if done < end:
            yield phase, max(done, start), end


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _told(phase: Phase) -> dict[str, Any]:
    shares = {name: f"{float(share.first):.0%}" for name, share in phase.shares.items()}
    return {"context": phase.context, "sequences": phase.sequences, "shares": shares}


def _is_sampled(work: TrainedWork, done: int) -> bool:
    average = work.average
    return average is not None and done >= average.first and (done - average.first) % average.every == 0
