"""The training loop: whatever cuts it off, it ends with the weights of a run that nothing disturbed."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from rooms import Cut, Desk, desk, weights

from lehr.compiler.plan.model import (
    AdamW,
    Arch,
    Average,
    Checkpoint,
    InitWork,
    Move,
    Origin,
    Phase,
    RMSProp,
    Segment,
    Share,
    Step,
    TrainWork,
    Work,
)
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.data.tokens import collect, write
from lehr.runtime.parts.model.files import load
from lehr.runtime.stages import init, train
from lehr.runtime.stages.means import Means

ARCH = Arch(
    layers=2,
    width=16,
    heads=2,
    kv_heads=1,
    head_dim=8,
    ffn=24,
    vocab=40,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
STEPS = 8
ORIGIN = Origin(path="spec.lehr", line=1, column=1)


def phase(steps: int, context: int, sequences: int, rope: float, first: str, last: str) -> Phase:
    shares = {
        "a": Share(first=Fraction(first), last=Fraction(last)),
        "b": Share(first=1 - Fraction(first), last=1 - Fraction(last)),
    }
    return Phase(steps=steps, context=context, sequences=sequences, rope=rope, shares=shares)


WORK = TrainWork(
    phases=(phase(5, 8, 4, 100.0, "3/4", "1/4"), phase(3, 16, 2, 500.0, "1/4", "1/4")),
    lr=(
        Segment(start=0, end=2, first=0.0, last=0.02),
        Segment(start=2, end=8, first=0.02, last=0.002, via="cosine"),
    ),
    optimizer=AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0),
    average=Average(first=4, every=2),
    rng=3,
    earlier=0,
)


def step(work: Work, every: int = 3) -> Step:
    checkpoint = Checkpoint(every=every, keep=2)
    return Step.model_validate(
        {"address": "pretrain", "fingerprint": "0" * 64, "inputs": {}, "work": work, "origin": ORIGIN}
        | {"checkpoint": checkpoint}
    )


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """A new model and two corpora whose documents are counted upwards, in steps of 1 and of 3."""
    for name, stride in (("a", 1), ("b", 3)):
        (tmp_path / name).mkdir()
        documents = [[(at + stride * n) % 40 for n in range(5 + at % 9)] for at in range(30)]
        for part in ("train", "heldout"):
            write(tmp_path / name / f"{part}.safetensors", collect(documents, 40))
    (tmp_path / "model").mkdir()
    init.run(step(InitWork(arch=ARCH, std=0.1, rng=1)), {}, Desk(tmp_path / "model"))
    return {"model": tmp_path / "model", "tokens:a": tmp_path / "a", "tokens:b": tmp_path / "b"}


def test_stopped_after_any_step_and_resumed_it_ends_with_the_same_weights(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    unbroken = desk(tmp_path / "unbroken")
    facts = train.run(step(WORK), inputs, unbroken)
    for stop in range(1, STEPS):
        room = desk(tmp_path / f"stopped-{stop}", stop_after=stop)
        with pytest.raises(Interrupted, match=f"`pretrain` stopped after step {stop} of {STEPS}"):
            train.run(step(WORK), inputs, room)
        again = desk(room.folder, checkpoints=room.checkpoints)
        assert train.run(step(WORK), inputs, again) == facts
        assert weights(room.folder) == weights(unbroken.folder)


def test_stopped_after_every_step_it_ends_with_the_same_weights(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    facts = train.run(step(WORK), inputs, desk(tmp_path / "unbroken"))
    room = desk(tmp_path / "stopped", stop_after=1)
    for _ in range(1, STEPS):
        with pytest.raises(Interrupted):
            train.run(step(WORK), inputs, room)
        room.asked = 0
    assert train.run(step(WORK), inputs, room) == facts
    assert weights(room.folder) == weights(tmp_path / "unbroken")


def test_cut_off_anywhere_it_goes_on_from_the_last_checkpoint(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    facts = train.run(step(WORK), inputs, desk(tmp_path / "unbroken"))
    for cut, last in ((1, 0), (3, 0), (4, 3), (6, 3), (7, 6), (8, 6)):
        room = desk(tmp_path / f"cut-{cut}", cut_after=cut)
        with pytest.raises(Cut):
            train.run(step(WORK), inputs, room)
        again = desk(room.folder, checkpoints=room.checkpoints)
        assert train.run(step(WORK), inputs, again) == facts
        assert [said["step"] for event, said in again.said if event == "resumed"] == ([last] if last else [])
        assert weights(room.folder) == weights(tmp_path / "unbroken")


def test_a_request_to_stop_in_the_last_step_comes_too_late(tmp_path: Path, inputs: dict[str, Path]) -> None:
    facts = train.run(step(WORK), inputs, desk(tmp_path / "late", stop_after=STEPS))
    assert facts["steps"] == STEPS


def test_a_loss_that_is_not_finite_leaves_the_last_checkpoint_as_it_is(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    lr = (Segment(start=0, end=4, first=0.01, last=0.01), Segment(start=4, end=8, first=1e38, last=1e38))
    room = desk(tmp_path / "wild")
    with pytest.raises(StageError) as failed:
        train.run(step(WORK.model_copy(update={"lr": lr})), inputs, room)
    assert (failed.value.code, failed.value.name, failed.value.step) == (
        "RUN104",
        "loss-not-finite",
        "pretrain",
    )
    assert failed.value.headline == "the loss of `pretrain` is not a finite number at step 6"
    assert failed.value.notes[-1] == "last checkpoint: step 3"
    (saved, tensors, _), *_ = room.checkpoints.states[-1:]
    assert saved == 3
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert list(room.folder.iterdir()) == []


def test_the_result_is_the_mean_of_the_weights_after_the_sampled_steps(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    every_step = desk(tmp_path / "parts")
    last = load_after(step(WORK.model_copy(update={"average": None}), every=1), inputs, every_step)
    after = {done: tensors for done, tensors, _ in every_step.checkpoints.states}
    averaged = load_after(step(WORK), inputs, desk(tmp_path / "averaged"))
    for name, mean in averaged.items():
        parts = [after[4][f"weights.{name}"], after[6][f"weights.{name}"], last[name]]
        assert torch.equal(mean, torch.stack(parts).double().mean(0).float())


def load_after(one: Step, inputs: dict[str, Path], room: Desk) -> dict[str, torch.Tensor]:
    train.run(one, inputs, room)
    return {name: parameter.detach() for name, parameter in load(room.folder).named_parameters()}


def test_the_model_that_leaves_has_the_rotary_base_of_the_last_phase(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    train.run(step(WORK), inputs, desk(tmp_path / "out"))
    assert load(tmp_path / "out").arch == ARCH.model_copy(update={"rope": 500.0})


def test_phases_and_progress_are_told(tmp_path: Path, inputs: dict[str, Path]) -> None:
    room = desk(tmp_path / "told")
    train.run(step(WORK), inputs, room)
    phases = [said for event, said in room.said if event == "phase"]
    assert [(said["step"], said["context"], said["sequences"]) for said in phases] == [(0, 8, 4), (5, 16, 2)]
    progress = [said for event, said in room.said if event == "progress"][-1]
    assert (progress["step"], progress["of"], progress["context"]) == (STEPS, STEPS, 16)
    assert progress["tokens_per_second"] > 0


def test_the_same_phase_twice_is_trained_twice(tmp_path: Path, inputs: dict[str, Path]) -> None:
    one = phase(2, 8, 4, 100.0, "1/2", "1/2")
    room = desk(tmp_path / "twice")
    facts = train.run(step(WORK.model_copy(update={"phases": (one, one), "average": None})), inputs, room)
    assert facts["steps"] == 4
    assert [said["step"] for event, said in room.said if event == "phase"] == [0, 2]


# ---- steps that are not taken ----------------------------------------------------------------


def skipping(norm: float | None, **changes: Any) -> TrainWork:
    optimizer = WORK.optimizer.model_copy(update={"skip": norm})
    return WORK.model_copy(update={"optimizer": optimizer, **changes})


def norms_of(folder: Path, inputs: dict[str, Path]) -> list[float]:
    """The norm of every step's gradient, told because all are skipped."""
    room = desk(folder)
    train.run(step(skipping(1e-9)), inputs, room)
    return [said["norm"] for event, said in room.said if event == "skipped"]


def test_a_step_with_too_large_a_gradient_is_skipped_and_told(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    norms = norms_of(tmp_path / "norms", inputs)
    assert len(norms) == STEPS
    before = load(inputs["model"]).state_dict()
    still = load(tmp_path / "norms").state_dict()
    assert all(torch.equal(before[name], still[name]) for name in before)
    facts = train.run(step(skipping(1e9)), inputs, desk(tmp_path / "none"))
    assert facts["skipped"] == 0
    train.run(step(WORK), inputs, desk(tmp_path / "plain"))
    assert weights(tmp_path / "none") == weights(tmp_path / "plain")


def test_skipped_steps_are_skipped_again_after_a_cut(tmp_path: Path, inputs: dict[str, Path]) -> None:
    """The first gradient is the largest, so a limit just below it skips some steps and not all."""
    limit = sorted(norms_of(tmp_path / "norms", inputs))[STEPS // 2]
    unbroken = desk(tmp_path / "unbroken")
    facts = train.run(step(skipping(limit)), inputs, unbroken)
    assert 0 < facts["skipped"] < STEPS
    for stop in (2, 3, 5, 7):
        room = desk(tmp_path / f"stopped-{stop}", stop_after=stop)
        with pytest.raises(Interrupted):
            train.run(step(skipping(limit)), inputs, room)
        again = desk(room.folder, checkpoints=room.checkpoints)
        assert train.run(step(skipping(limit)), inputs, again) == facts
        assert weights(room.folder) == weights(unbroken.folder)
        told = [said["step"] for event, said in room.said + again.said if event == "skipped"]
        assert len(told) == facts["skipped"]


def test_what_never_passes_is_no_spike(tmp_path: Path, inputs: dict[str, Path]) -> None:
    work = skipping(1e-9, phases=(phase(12, 8, 4, 100.0, "1/2", "1/2"),))
    with pytest.raises(StageError) as failed:
        train.run(step(work), inputs, desk(tmp_path / "stuck", cut_after=99, stop_after=99))
    assert (failed.value.code, failed.value.name) == ("RUN131", "gradient-spike")
    assert failed.value.headline == "`pretrain` skipped 10 steps in a row up to step 10"
    assert failed.value.notes[-1] == "last checkpoint: step 9"


# ---- other choices, cut off -------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": RMSProp(betas=(0.9, 0.95), eps=1e-15, decay=0.1, clip=1.0, skip=100.0, base_width=8)},
        {"average": Average(first=2, every=1, rate=0.3)},
        {"compute": "bf16"},
        {"z_loss": 1e-3},
    ],
    ids=["rmsprop", "moving-average", "bf16", "z-loss"],
)
def test_whatever_is_chosen_a_cut_changes_nothing(
    tmp_path: Path, inputs: dict[str, Path], changes: dict[str, Any]
) -> None:
    work = WORK.model_copy(update=changes)
    facts = train.run(step(work), inputs, desk(tmp_path / "unbroken"))
    train.run(step(WORK), inputs, desk(tmp_path / "plain"))
    assert weights(tmp_path / "unbroken") != weights(tmp_path / "plain")
    for stop in (2, 5, 7):
        room = desk(tmp_path / f"stopped-{stop}", stop_after=stop)
        with pytest.raises(Interrupted):
            train.run(step(work), inputs, room)
        again = desk(room.folder, checkpoints=room.checkpoints)
        assert train.run(step(work), inputs, again) == facts
        assert weights(room.folder) == weights(tmp_path / "unbroken")


def test_a_resumed_stage_keeps_the_cut_of_its_batches(tmp_path: Path, inputs: dict[str, Path]) -> None:
    """With less memory it was cut smaller; more of it later must not round the steps that are left differently."""
    small = Means(memory=24 * load(inputs["model"]).params + 40_000)
    facts = train.run(step(WORK), inputs, desk(tmp_path / "unbroken", means=small))
    train.run(step(WORK), inputs, desk(tmp_path / "whole"))
    assert weights(tmp_path / "unbroken") != weights(tmp_path / "whole")
    room = desk(tmp_path / "stopped", stop_after=3, means=small)
    with pytest.raises(Interrupted):
        train.run(step(WORK), inputs, room)
    again = desk(room.folder, checkpoints=room.checkpoints)
    assert train.run(step(WORK), inputs, again)["steps"] == facts["steps"]
    rows = dict(map(tuple, json.loads(room.checkpoints.states[-1][2])["passes"]["rows"]))
    assert rows[8] < 4


# ---- letters ----------------------------------------------------------------------------------


def test_a_letter_about_the_loss_says_what_moved_and_how_the_gradient_rose(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    lr = (Segment(start=0, end=6, first=0.01, last=0.01), Segment(start=6, end=8, first=1e38, last=1e38))
    moves = [Move(step=at, what=what, origin=ORIGIN, length=9) for at, what in ((3, "data"), (5, "context"))]
    one = step(WORK.model_copy(update={"lr": lr})).model_copy(update={"moves": tuple(moves)})
    with pytest.raises(StageError) as failed:
        train.run(one, inputs, desk(tmp_path / "wild"))
    assert failed.value.moves == ((moves[1], "context moved here, 2 steps earlier"),)
    first, rose, moved, last = failed.value.notes
    assert first.endswith("the step was not applied")
    assert rose.startswith("gradient norm ")
    assert rose.endswith(" over the last 8 steps")
    assert moved == "context moved 8 → 16, sequences a step moved 4 → 2, rope moved 100 → 500 2 steps earlier"
    assert last == "last checkpoint: step 6"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_out_of_memory_is_a_letter_with_the_phase_and_what_to_change(
    tmp_path: Path, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real, calls = train.next_token, [0]

    def greedy(model: Any, batch: Any, phase: Phase, **settings: Any) -> torch.Tensor:
        calls[0] += 1
        if phase.context == 16:
            raise error
        return real(model, batch, phase, **settings)

    monkeypatch.setattr(train, "next_token", greedy)
    with pytest.raises(StageError) as failed:
        train.run(step(WORK), inputs, desk(tmp_path / "greedy"))
    assert (failed.value.code, failed.value.name, failed.value.__cause__) == (
        "RUN130",
        "out-of-memory",
        error,
    )
    assert failed.value.headline == "`pretrain` ran out of memory at step 6, at a context of 16"
    assert failed.value.notes[-1] == "last checkpoint: step 3"
    assert "--memory" in failed.value.help[0]


def test_another_fault_of_torch_is_no_lack_of_memory(
    tmp_path: Path, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(train, "next_token", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train.run(step(WORK), inputs, desk(tmp_path / "broken"))
