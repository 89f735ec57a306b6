"""`--compile`: the same losses, one graph for all layers, and a letter where there is no compiler."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from rooms import Desk, desk
from torch._dynamo.utils import counters
from torch._inductor import config

from lehr.compiler.plan.model import AdamW, Arch, Checkpoint, Origin, Phase, Segment, Step, TrainWork
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.stages.loop import Loop
from lehr.runtime.stages.means import Means

pytestmark = pytest.mark.filterwarnings("ignore")  # those of torch while it compiles

ARCH = Arch(
    layers=2, width=16, heads=2, kv_heads=1, head_dim=8, ffn=24, vocab=40, rope=1e2, tied=True, norm_eps=1e-5
)


class Batches:
    """Random tokens in documents of 5, as long and as many as the phase at hand says."""

    def __init__(self, phases: tuple[Phase, ...]) -> None:
        self.phases = [phase for phase in phases for _ in range(phase.steps)]

    def batch(self, step: int) -> Batch:
        rows, size = self.phases[step].sequences, self.phases[step].context
        ids = torch.randint(0, 40, (rows, size + 1), generator=torch.Generator().manual_seed(step))
        documents = (torch.arange(size) // 5).expand(rows, size)
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), documents.contiguous())

    def drawn(self) -> dict[str, int]:
        return {}

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: Any) -> None:
        pass


def losses(
    folder: Path, *contexts: int, compile: bool, compute: str = "fp32", arch: Arch = ARCH
) -> list[float]:
    """Three steps at each context."""
    phases = tuple(Phase(steps=3, context=size, sequences=4, rope=1e2, shares={}) for size in contexts)
    total = 3 * len(phases)
    work = TrainWork(
        phases=phases,
        lr=(Segment(start=0, end=total, first=1e-2, last=1e-2),),
        optimizer=AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0),
        average=None,
        compute=compute,  # type: ignore[arg-type]
        rng=1,
        earlier=0,
    )
    step = Step(
        address="grown",
        fingerprint="0" * 64,
        inputs={},
        work=work,
        checkpoint=Checkpoint(every=1 << 20, keep=1),
        origin=Origin(path="", line=1, column=1),
    )
    model = Decoder(arch)
    initialise(model, 0.3, 1)
    room: Desk = desk(folder, means=Means(compile=compile))
    loop = Loop(step, work, model, Batches(phases), room, next_token)  # type: ignore[arg-type]
    loop.run()
    return loop.tail


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


@pytest.mark.proof  # a C++ compiler takes its time
@pytest.mark.parametrize(("compute", "within"), [("fp32", 1e-5), ("bf16", 1e-2)])
def test_compiled_layers_come_to_the_same_losses(tmp_path: Path, compute: str, within: float) -> None:
    """Rounding is all that differs: 1e-5 of a loss in fp32, 1e-2 in bf16, whose steps between layers are rounded."""
    one = ARCH.model_copy(update={"layers": 1})
    plain, compiled = (
        losses(tmp_path / str(compile), 12, compile=compile, compute=compute, arch=one)
        for compile in (False, True)
    )
    assert compiled == pytest.approx(plain, rel=within)
    assert counters["stats"]["unique_graphs"] == 1


def test_all_layers_share_a_graph_and_a_second_context_makes_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole layers, no break within them; the first change of shape makes a graph for all shapes to come."""
    traced = partial(torch.compile, backend="eager")
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self: setattr(self, "_compiled_call_impl", traced(self._call_impl))
    )
    for contexts, graphs in (((12,), 1), ((12, 16), 2), ((12, 16, 24, 20), 2)):
        torch.compiler.reset()
        counters.clear()
        losses(tmp_path / str(len(contexts)), *contexts, compile=True)
        assert counters["stats"]["unique_graphs"] == graphs
        assert not counters["graph_break"]


def test_without_a_compiler_there_is_a_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.cpp, "cxx", (None, "/nowhere/g++"))
    monkeypatch.setattr(config, "force_disable_caches", True)
    with pytest.raises(StageError) as caught:
        losses(tmp_path / "room", 12, compile=True, arch=ARCH.model_copy(update={"norm_eps": 2e-5}))
    assert caught.value.code == "RUN160"
    assert "No working C++ compiler" in caught.value.notes[0]
