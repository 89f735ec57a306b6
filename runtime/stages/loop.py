"""The one training loop: it follows a stage's phases, saves its state, and goes on from it.

A state holds everything that the next step depends on -- weights, moments,
average, the feed's position -- so a stage that was cut off anywhere ends with the
same weights, bit for bit, as one that ran through.  Nothing that affects a
result reads the clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, get_total_norm

from ...compiler.plan.model import Phase, Step, TrainWork, rate
from ..errors import Interrupted, StageError
from ..parts.data.feed import Batch, Feed
from ..parts.model.decoder import Decoder
from ..parts.optim.adamw import adamw, load_state, state_tensors
from ..parts.optim.average import Average
from .room import Facts, Room

Loss = Callable[[Decoder, Batch, Phase], Tensor]

_TAIL = 20
"""Losses of the last steps, whose mean is the stage's final loss."""
_SECONDS = 1.0
"""Between two reports of progress."""


@dataclass
class Loop:
    """A stage on its way.  `run` takes it to its end, or raises with its state saved."""

    step: Step
    work: TrainWork
    model: Decoder
    feed: Feed
    room: Room
    loss: Loss
    done: int = 0
    tail: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self.optimizer = adamw(self.model, self.work.optimizer)
        self.average = Average()
        self.saved = 0

    def run(self) -> Facts:
        self._restore()
        watch = _Watch(self)
        for phase, start, end in _left(self.work.phases, self.done):
            self.room.say("phase", step=start, **_told(phase))
            for _ in range(start, end):
                self.room.gate(self.done, self.model, self._save)
                watch.saw(self._advance(phase), phase)
                self._rest()
        self._finish()
        return {
            "loss": sum(self.tail) / len(self.tail),
            "steps": self.done,
            "tokens": self.work.tokens,
            "drawn": self.feed.drawn(),
        }

    # ---- one step ----------------------------------------------------------------------

    def _advance(self, phase: Phase) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.work.lr, self.done)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.model, self.feed.batch(self.done), phase)
        loss.backward()
        value, norm = loss.item(), self._clip()
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise self._not_finite(value, norm)
        self.optimizer.step()
        self.done += 1
        self.tail = [*self.tail, value][-_TAIL:]
        if _is_sampled(self.work, self.done):
            self.average.add(self.model)
        return value

    def _clip(self) -> float:
        """The gradient's L2 norm, before it is cut to the plan's largest."""
        parameters = list(self.model.parameters())
        if self.work.optimizer.clip is not None:
            return clip_grad_norm_(parameters, self.work.optimizer.clip).item()
        return get_total_norm([p.grad for p in parameters if p.grad is not None]).item()

    def _rest(self) -> None:
        """Between two steps: save when it is time, stop when someone asked to."""
        every = self.step.checkpoint.every if self.step.checkpoint else 0
        if self.room.stopping and self.done < self.work.steps:
            self._save()
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
        rope = self.work.phases[-1].rope
        self.model.arch = self.model.arch.model_copy(update={"rope": rope})

    # ---- state -------------------------------------------------------------------------

    def _save(self) -> None:
        """Keep the state, unless this very one is kept: a gate may ask for it at every start."""
        if self.saved == self.done:
            return
        tensors = {f"weights.{name}": tensor.detach() for name, tensor in self.model.named_parameters()}
        tensors |= state_tensors(self.optimizer, self.model)
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.tensors().items()}
        self.room.checkpoints.save(self.done, tensors, {"feed": self.feed.state(), "tail": self.tail})
        self.saved = self.done
        self.room.say("saved", step=self.done)

    def _restore(self) -> None:
        found = self.room.checkpoints.latest()
        if found is None:
            return
        self.done, tensors, meta = found
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(tensors[f"weights.{name}"])
        load_state(self.optimizer, self.model, tensors)
        averaged = {
            name.removeprefix("average."): t for name, t in tensors.items() if name.startswith("average.")
        }
        self.average.load(averaged)
        self.feed.load(meta["feed"])
        self.tail, self.saved = list(meta["tail"]), self.done
        self.room.say("resumed", step=self.done)

    def _not_finite(self, loss: float, norm: float) -> StageError:
        last = f"step {self.saved}" if self.saved else "none; the stage begins anew"
        return StageError(
            "RUN104",
            "loss-not-finite",
            f"the loss of `{self.step.address}` is not a finite number at step {self.done + 1}",
            notes=(
                f"loss {loss:g}, gradient norm {norm:g}; the step was not applied",
                f"last checkpoint: {last}",
            ),
            help=("lower `lr`, lengthen its warm-up, or set the optimizer's `clip`",),
            step=self.step.address,
        )


class _Watch:
    """Reports progress about once a second, and at the end."""

    def __init__(self, loop: Loop) -> None:
        self.loop, self.losses, self.tokens = loop, list[float](), 0
        self.since = time.monotonic()

    def saw(self, loss: float, phase: Phase) -> None:
        self.losses.append(loss)
        self.tokens += phase.sequences * phase.context
        passed = time.monotonic() - self.since
        if passed < _SECONDS and self.loop.done < self.loop.work.steps:
            return
        self.loop.room.say(
            "progress",
            step=self.loop.done,
            of=self.loop.work.steps,
            loss=sum(self.losses) / len(self.losses),
            lr=rate(self.loop.work.lr, self.loop.done - 1),
            context=phase.context,
            tokens_per_second=self.tokens / max(passed, 1e-9),
        )
        self.losses, self.tokens, self.since = [], 0, time.monotonic()


def _left(phases: tuple[Phase, ...], done: int) -> Iterator[tuple[Phase, int, int]]:
    """The phases that are not over after `done` steps, each with the steps that it still has."""
    end = 0
    for phase in phases:
        start, end = end, end + phase.steps
        if done < end:
            yield phase, max(done, start), end


def _told(phase: Phase) -> dict[str, Any]:
    shares = {name: f"{float(share.first):.0%}" for name, share in phase.shares.items()}
    return {"context": phase.context, "sequences": phase.sequences, "shares": shares}


def _is_sampled(work: TrainWork, done: int) -> bool:
    average = work.average
    return average is not None and done >= average.first and (done - average.first) % average.every == 0
