"""`distill` and `targets` as stages: cached is what was said online, and whatever cuts them off changes nothing."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from rooms import Cut, Saved, desk, weights
from safetensors.torch import load_file

from lehr.compiler.plan.model import (
    AdamW,
    Arch,
    Checkpoint,
    Convex,
    DistillWork,
    Distribution,
    InitWork,
    MergeBack,
    Origin,
    Phase,
    Segment,
    Share,
    Step,
    Target,
    TargetsWork,
    TopK,
    Work,
)
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.data.tokens import collect, write
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.parts.distill.cache import packed
from lehr.runtime.stages import distill, init, targets

SMALL = Arch(
    layers=1,
    width=8,
    heads=2,
    kv_heads=1,
    head_dim=4,
    ffn=12,
    vocab=40,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
LARGE = SMALL.model_copy(update={"layers": 2, "width": 16, "head_dim": 8, "final_cap": 3.0})
STEPS = 8


def phase(steps: int, context: int, sequences: int, first: str, last: str) -> Phase:
    shares = {
        "a": Share(first=Fraction(first), last=Fraction(last)),
        "b": Share(first=1 - Fraction(first), last=1 - Fraction(last)),
    }
    return Phase(steps=steps, context=context, sequences=sequences, rope=None, shares=shares)


PHASES = (phase(5, 8, 4, "3/4", "1/4"), phase(3, 16, 2, "1/4", "1/4"))
TARGETS = (
    Convex(label=Fraction(1, 10), teacher_top1=Fraction(9, 10)),
    TopK(k=4, temperature=2.0),
    Distribution(temperature=1.0),
)


def work(target: Target, **changes: object) -> DistillWork:
    return DistillWork(
        phases=PHASES,
        lr=(Segment(start=0, end=8, first=0.02, last=0.002, via="cosine"),),
        optimizer=AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0),
        average=None,
        rng=3,
        earlier=0,
        target=target,
        on_policy=None,
    ).model_copy(update=changes)


def cached(target: Target, **changes: object) -> TargetsWork:
    return TargetsWork(phases=PHASES, target=target, rng=3, earlier=0).model_copy(update=changes)


def step(work: Work, every: int | None = 3) -> Step:
    origin = Origin(path="spec.lehr", line=1, column=1)
    told = {"address": "echo", "fingerprint": "0" * 64, "inputs": {}, "work": work, "origin": origin}
    return Step.model_validate(told | {"checkpoint": every and Checkpoint(every=every, keep=8)})


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """Two corpora whose documents are counted upwards, a student, and a teacher that is larger."""
    for name, stride in (("a", 1), ("b", 3)):
        (tmp_path / name).mkdir()
        documents = [[(at + stride * n) % 40 for n in range(5 + at % 9)] for at in range(30)]
        for part in ("train", "heldout"):
            write(tmp_path / name / f"{part}.safetensors", collect(documents, 40))
    for name, arch, rng in (("model", SMALL, 1), ("teacher", LARGE, 2)):
        init.run(step(InitWork(arch=arch, std=0.3, rng=rng)), {}, desk(tmp_path / name))
    tokens = {f"tokens:{name}": tmp_path / name for name in ("a", "b")}
    words = {"tokenizer": tmp_path, "tokenizer:teacher": tmp_path}
    return {"model": tmp_path / "model", "teacher": tmp_path / "teacher", **tokens, **words}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def without_teacher(inputs: dict[str, Path], cache: Path) -> dict[str, Path]:
    kept = {role: path for role, path in inputs.items() if role == "model" or role.startswith("tokens:")}
    return kept | {"targets": cache}


# ---- cached is online ---------------------------------------------------------------------


@pytest.mark.parametrize("compute", ["fp32", "bf16"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_cached_or_online_the_loss_and_the_weights_are_the_same_to_the_bit(
    tmp_path: Path, inputs: dict[str, Path], target: Target, compute: str
):
    online, cache, later = (desk(tmp_path / name) for name in ("online", "cache", "later"))
    facts = distill.run(step(work(target, compute=compute)), inputs, online)
    targets.run(step(cached(target, compute=compute)), inputs, cache)
    again = distill.run(step(work(target, compute=compute)), without_teacher(inputs, cache.folder), later)
    assert again == facts
    assert weights(later.folder) == weights(online.folder)
    assert facts["truth"] > 0
    (progress,) = (told for event, told in later.said if event == "progress")
    assert progress["truth"] != progress["loss"]


def test_what_is_kept_is_small(tmp_path: Path, inputs: dict[str, Path]):
    """One byte for an id below 256; of a distribution the hidden states, whose width is not the vocabulary's."""
    shapes: dict[str, list[tuple[torch.dtype, tuple[int, ...]]]] = {}
    for target in TARGETS:
        room = desk(tmp_path / target.kind)
        targets.run(step(cached(target), every=None), inputs, room)
        parts = [load_file(path) for path in sorted(room.folder.glob("targets-*.safetensors"))]
        assert len(parts) == len(PHASES)
        shapes[target.kind] = [(one.dtype, tuple(one.shape)) for _, one in sorted(parts[0].items())]
    assert shapes == {
        "convex": [(torch.uint8, (20, 8))],
        "top_k": [(torch.uint8, (20, 8, 4)), (torch.float32, (20, 8, 4))],
        "distribution": [(torch.float32, (20, 8, 16))],
    }


@pytest.mark.parametrize(
    ("vocab", "dtype"),
    [
        (256, torch.uint8),
        (257, torch.uint16),
        (65536, torch.uint16),
        (65537, torch.uint32),
        (256_000, torch.uint32),
    ],
)
def test_ids_take_the_smallest_type_that_holds_the_vocabulary(vocab: int, dtype: torch.dtype):
    column = packed((torch.tensor([[0, vocab - 1]]),), vocab)["0"]
    assert column.dtype == dtype
    assert column.to(torch.int64).tolist() == [[0, vocab - 1]]


# ---- cut off ---------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_targets_that_were_cut_off_anywhere_come_to_the_same_files(
    tmp_path: Path, inputs: dict[str, Path], target: Target
):
    unbroken = desk(tmp_path / "unbroken")
    facts = targets.run(step(cached(target)), inputs, unbroken)
    for cut in range(1, STEPS + 1):
        room = desk(tmp_path / f"cut-{cut}", cut_after=cut)
        with pytest.raises(Cut):
            targets.run(step(cached(target)), inputs, room)
        later = desk(tmp_path / f"later-{cut}", checkpoints=room.checkpoints)
        assert targets.run(step(cached(target)), inputs, later) == facts
        assert files(later.folder) == files(unbroken.folder)
        resumed = [told["step"] for event, told in later.said if event == "resumed"]
        assert resumed == [kept for kept in (3, 5, 6, 8) if kept < cut][-1:]


def test_targets_go_on_before_the_first_part_that_is_missing(tmp_path: Path, inputs: dict[str, Path]):
    unbroken = desk(tmp_path / "unbroken")
    targets.run(step(cached(TARGETS[0])), inputs, unbroken)
    first, _, *rest = unbroken.checkpoints.states
    later = desk(tmp_path / "later", checkpoints=Saved([first, *rest]))
    targets.run(step(cached(TARGETS[0])), inputs, later)
    assert ("resumed", {"step": 3}) in later.said
    assert files(later.folder) == files(unbroken.folder)


def test_targets_stop_when_asked(tmp_path: Path, inputs: dict[str, Path]):
    with pytest.raises(Interrupted, match="`echo` stopped after step 4 of 8; 3 are kept"):
        targets.run(step(cached(TARGETS[0])), inputs, desk(tmp_path / "room", stop_after=5))


@pytest.mark.parametrize("caches", [False, True])
def test_a_student_that_was_cut_off_anywhere_ends_with_the_same_weights(
    tmp_path: Path, inputs: dict[str, Path], caches: bool
):
    if caches:
        targets.run(step(cached(TARGETS[1])), inputs, desk(tmp_path / "cache"))
        inputs = without_teacher(inputs, tmp_path / "cache")
    unbroken = desk(tmp_path / "unbroken")
    facts = distill.run(step(work(TARGETS[1])), inputs, unbroken)
    for cut in range(1, STEPS):
        room = desk(tmp_path / f"cut-{cut}", cut_after=cut)
        with pytest.raises(Cut):
            distill.run(step(work(TARGETS[1])), inputs, room)
        later = desk(tmp_path / f"later-{cut}", checkpoints=room.checkpoints)
        assert distill.run(step(work(TARGETS[1])), inputs, later) == facts
        assert weights(later.folder) == weights(unbroken.folder)


# ---- beside the student -------------------------------------------------------------------------


def test_a_teacher_is_read_and_never_written(tmp_path: Path, inputs: dict[str, Path]):
    before = weights(inputs["teacher"])
    distill.run(step(work(TARGETS[2])), inputs, desk(tmp_path / "room"))
    assert weights(inputs["teacher"]) == before


def test_what_a_student_went_through_is_handed_on(tmp_path: Path, inputs: dict[str, Path]):
    distill.run(step(work(TARGETS[0])), inputs, desk(tmp_path / "room"))
    (entry,) = json.loads((tmp_path / "room" / "history.json").read_bytes())["entries"]
    drawn = {"a": 112, "b": 144}
    assert entry == {"kind": "distill", "context": 16, "steps": 8, "tokens": 256, "drawn": drawn}


def test_a_teachers_weights_take_of_the_memory(tmp_path: Path, inputs: dict[str, Path]):
    """What one pass may keep is smaller by half of them: the other half of memory is left to temporaries."""
    from lehr.runtime.parts.model.files import load
    from lehr.runtime.stages.means import Means
    from lehr.runtime.stages.passes import Passes

    student, teacher = load(inputs["model"]), load(inputs["teacher"])
    size = sum(parameter.nbytes for parameter in teacher.parameters())
    rooms = [
        Passes(student, lambda *_: torch.zeros(()), "fp32", Means(memory=1 << 20), others).room
        for others in (0, size)
    ]
    assert rooms[0] - rooms[1] == size // 2


@pytest.mark.parametrize("caches", [False, True])
def test_what_another_model_learned_is_merged_back_into_a_student(
    tmp_path: Path, inputs: dict[str, Path], caches: bool
):
    """At a learning rate of 0 a student moves by rate · (taught - grown) at every step, and by nothing else."""
    for name, rng in (("taught", 5), ("grown", 6)):
        init.run(step(InitWork(arch=SMALL, std=0.3, rng=rng)), {}, desk(tmp_path / name))
    if caches:
        targets.run(step(cached(TARGETS[1])), inputs, desk(tmp_path / "cache"))
        inputs = without_teacher(inputs, tmp_path / "cache")
    back = MergeBack(rate=0.01, method="dare", reserve=1.0, every=1)
    still = work(TARGETS[1], merge_back=back, lr=(Segment(start=0, end=STEPS, first=0.0, last=0.0),))
    both = {"merge_back": tmp_path / "taught", "merge_base": tmp_path / "grown"}
    aligned = step(still).model_copy(update={"inputs": {role: role for role in both}})
    distill.run(aligned, inputs | both, desk(tmp_path / "room"))
    student, taught, grown, found = (
        load_file(folder / "model.safetensors")
        for folder in (inputs["model"], *both.values(), tmp_path / "room")
    )
    for name, one in found.items():
        moved = STEPS * 0.01 * (taught[name] - grown[name]).clamp(-1, 1)
        torch.testing.assert_close(one, student[name] + moved, rtol=1e-5, atol=1e-5)


# ---- letters ------------------------------------------------------------------------------------


def words(folder: Path, text: str) -> Path:
    folder.mkdir()
    tokenizer = train([text], vocab=300, specials=("<|begin|>", "<|end|>"), split_digits=True)
    Vocabulary.of(tokenizer, "<|begin|>", "<|end|>").save(folder)
    return folder


@pytest.mark.parametrize("stage", ["distill", "targets"])
def test_a_teacher_that_reads_with_another_tokenizer_is_refused(
    tmp_path: Path, inputs: dict[str, Path], stage: str
):
    """Their sizes are the same; what differs is what an id means."""
    own, other = (
        words(tmp_path / "own", "to be or not to be " * 9),
        words(tmp_path / "other", "ababab abab " * 9),
    )
    read = inputs | {"tokenizer": own, "tokenizer:teacher": other}
    run, made = (distill.run, work(TARGETS[0])) if stage == "distill" else (targets.run, cached(TARGETS[0]))
    with pytest.raises(StageError) as caught:
        run(step(made), read, desk(tmp_path / "room"))
    letter = caught.value
    assert (letter.code, letter.name) == ("RUN170", "other-tokenizer")
    assert letter.headline == "the teacher of `echo` reads with another tokenizer than its student"
    assert any(note.startswith("id 258 is ") for note in letter.notes)


def test_two_files_that_say_the_same_are_one_tokenizer(tmp_path: Path, inputs: dict[str, Path]):
    read = inputs | {
        "tokenizer": words(tmp_path / "own", "to be or not to be " * 9),
        "tokenizer:teacher": words(tmp_path / "copy", "to be or not to be " * 9),
    }
    distill.run(step(work(TARGETS[0])), read, desk(tmp_path / "room"))


@pytest.mark.parametrize("caches", [False, True])
def test_a_teacher_that_embeds_more_ids_is_refused(tmp_path: Path, inputs: dict[str, Path], caches: bool):
    wide = LARGE.model_copy(update={"vocab": 41})
    init.run(step(InitWork(arch=wide, std=0.3, rng=2)), {}, desk(tmp_path / "wide"))
    inputs = inputs | {"teacher": tmp_path / "wide"}
    if caches:
        targets.run(step(cached(TARGETS[0])), inputs, desk(tmp_path / "cache"))
        inputs = without_teacher(inputs, tmp_path / "cache")
    with pytest.raises(StageError, match="the teacher of `echo` embeds 41 ids, and its student 40") as caught:
        distill.run(step(work(TARGETS[0])), inputs, desk(tmp_path / "room"))
    assert caught.value.code == "RUN171"
