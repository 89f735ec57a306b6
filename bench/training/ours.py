"""Our training loop as a stage runs it, with its own feed; only the room around it says and asks nothing."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from lehr.compiler.plan.model import AdamW, Arch, Checkpoint, Origin, Phase, Segment, Share, Step, TrainWork
from lehr.runtime.parts.data.feed import Feed
from lehr.runtime.parts.data.tokens import TokenSet, collect
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.stages.loop import Loop
from lehr.runtime.stages.means import Means
from lehr.runtime.store.background import BackgroundCheckpoints
from lehr.runtime.store.checkpoints import CheckpointFolder

from .shape import CONTEXT, FFN, HEADS, LAYERS, LR, ROWS, VOCAB, WIDTH, Advance, tokens

_FOREVER = 1 << 20
_CORPUS = 1 << 17
"""Tokens: 32 steps, then they come again; a large list would count as memory of ours."""
_ARCH = Arch(
    layers=LAYERS,
    width=WIDTH,
    heads=HEADS,
    kv_heads=HEADS,
    head_dim=WIDTH // HEADS,
    ffn=FFN,
    vocab=VOCAB,
    rope=1e4,
    tied=False,
    norm_eps=1e-6,
)
_ADAMW = AdamW(betas=(0.9, 0.999), eps=1e-8, decay=0.0, clip=1.0)


@dataclass
class Room:
    """A room in which nothing is told, and nobody asks to stop."""

    means: Means
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    stopping: bool = False

    def __post_init__(self) -> None:
        self.checkpoints = BackgroundCheckpoints(CheckpointFolder(self.folder / "states", 1, print))

    def say(self, event: str, **facts: Any) -> None:
        pass

    def gate(self, done: int, model: Any, save: Any) -> None:
        pass


def loop(
    compute: Literal["fp32", "bf16"] = "fp32",
    compile: bool = False,
    context: int = CONTEXT,
    rows: int = ROWS,
    document: int | None = None,
) -> Loop:
    """A stage before its first step.  Without `document`, all that is read is one document."""
    phase = Phase(
        steps=_FOREVER,
        context=context,
        sequences=rows,
        rope=1e4,
        shares={"random": Share(first=Fraction(1), last=Fraction(1))},
    )
    work = TrainWork(
        phases=(phase,),
        lr=(Segment(start=0, end=_FOREVER, first=LR, last=LR),),
        optimizer=_ADAMW,
        average=None,
        compute=compute,
        rng=1,
        earlier=0,
    )
    step = Step(
        address="bench",
        fingerprint="0" * 64,
        inputs={},
        work=work,
        checkpoint=Checkpoint(every=_FOREVER, keep=1),
        origin=Origin(path="", line=1, column=1),
    )
    model = Decoder(_ARCH)
    initialise(model, 0.02, 1)
    documents = tokens(document or _CORPUS, _CORPUS // (document or _CORPUS)).tolist()
    corpus = TokenSet(collect(documents, VOCAB), collect([], VOCAB))
    return Loop(step, work, model, Feed(work, {"random": corpus}), Room(Means(compile=compile)), next_token)


def advance(loop: Loop, clock: Any = time.process_time) -> Advance:
    """Steps as `Loop.run` takes them."""
    phase = loop.work.phases[0]

    def steps(count: int) -> list[float]:
        spent = []
        for _ in range(count):
            began = clock()
            loop._guarded(phase)
            loop._rest()
            spent.append(clock() - began)
        return spent

    return steps
