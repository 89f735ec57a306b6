"""A student's own answers as batches: what is read, what counts, and that nothing but the step decides."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rooms import Cut, desk, weights

from lehr.compiler.plan.files import matching
from lehr.compiler.plan.model import (
    AdamW,
    Arch,
    Builtin,
    Checkpoint,
    Convex,
    DistillWork,
    Distribution,
    Files,
    InitWork,
    OnPolicy,
    Origin,
    Phase,
    PromptsWork,
    Segment,
    Step,
    Synthetic,
    TopK,
    Work,
)
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.feed import IGNORED
from lehr.runtime.parts.data.packing import NONE
from lehr.runtime.parts.data.skills import answer, is_held_out
from lehr.runtime.parts.data.tables import read_documents, read_records, records
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.parts.distill.answers import Answers, rows
from lehr.runtime.parts.model.files import load
from lehr.runtime.stages import distill, init, prompts
from lehr.runtime.stages.able import lacking

ARCH = Arch(
    layers=1,
    width=8,
    heads=2,
    kv_heads=1,
    head_dim=4,
    ffn=12,
    vocab=300,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
PHASES = tuple(
    Phase(steps=steps, context=context, sequences=sequences, rope=None, shares={})
    for steps, context, sequences in ((3, 24, 4), (2, 32, 3))
)
POLICY = OnPolicy(divergence="reverse", max_new=6, temperature=1.0)
WORK = DistillWork(
    phases=PHASES,
    lr=(Segment(start=0, end=5, first=0.02, last=0.02),),
    optimizer=AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.0, clip=1.0),
    average=None,
    rng=3,
    earlier=1,
    target=Distribution(temperature=1.0),
    on_policy=POLICY,
)


def step(work: Work) -> Step:
    origin = Origin(path="spec.lehr", line=1, column=1)
    told = {"address": "echo", "fingerprint": "0" * 64, "inputs": {}, "work": work, "origin": origin}
    return Step.model_validate(told | {"checkpoint": Checkpoint(every=2, keep=2)})


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    for name, rng in (("model", 1), ("teacher", 2)):
        init.run(step(InitWork(arch=ARCH, std=0.3, rng=rng)), {}, desk(tmp_path / name))
    (tmp_path / "words").mkdir()
    tokenizer = train(
        ["to be or not to be "], vocab=300, specials=("<|begin|>", "<|end|>"), split_digits=True
    )
    Vocabulary.of(tokenizer, "<|begin|>", "<|end|>").save(tmp_path / "words")
    ask(tmp_path / "asks", [f"to be {number}" for number in range(7)])
    models = {role: tmp_path / role for role in ("model", "teacher")}
    words = dict.fromkeys(("tokenizer", "tokenizer:teacher"), tmp_path / "words")
    return {**models, **words, "prompts": tmp_path / "asks"}


def ask(folder: Path, texts: list[str]) -> None:
    folder.mkdir()
    with records(folder / "prompts.parquet") as write:
        for number, text in enumerate(texts):
            write(str(number), text, "")


# ---- batches ---------------------------------------------------------------------------------


def test_only_the_tokens_of_an_answer_are_labels_and_every_answer_counts_alike():
    batch = rows([[1, 7], [1, 8, 9, 8]], [[5, 6, 2], [4]], context=6)
    assert batch.tokens_BT.tolist() == [[1, 7, 5, 6, 2, 0], [1, 8, 9, 8, 4, 0]]
    assert batch.documents_BT.tolist() == [[0] * 5 + [NONE], [1] * 5 + [NONE]]
    assert batch.labels_BT.tolist() == [
        [IGNORED, 5, 6, 2, IGNORED, IGNORED],
        [IGNORED, IGNORED, IGNORED, 4, IGNORED, IGNORED],
    ]
    (weights_BT,) = batch.beside
    counted = [weights_BT[row][batch.labels_BT[row] != IGNORED].tolist() for row in (0, 1)]
    assert counted[0] == pytest.approx([4 / 2 / 3] * 3)
    assert counted[1] == pytest.approx([4 / 2])


def test_an_answer_that_fills_the_row_to_its_end():
    batch = rows([[1, 7, 8]], [[5, 6, 2]], context=6)
    assert batch.labels_BT.tolist() == [[IGNORED, IGNORED, 5, 6, 2, IGNORED]]
    assert rows([[1, 7, 8]], [[5, 6, 2]], context=5).labels_BT.tolist() == [[IGNORED, IGNORED, 5, 6, 2]]


def batches(answers: Answers, first: int = 0) -> Iterator[Any]:
    for at in range(first, WORK.steps):
        batch = answers.batch(at)
        yield [one.tolist() for one in (batch.tokens_BT, batch.labels_BT, batch.documents_BT, *batch.beside)]


def test_an_epoch_asks_each_prompt_once_and_each_step_asks_the_next(inputs: dict[str, Path]):
    model = load(inputs["model"])
    answers = Answers(WORK, model, [[1, 100 + at] for at in range(9)], end=2)
    asked = [row[1] for ids, *_ in batches(answers) for row in ids]
    assert len(asked) == 3 * 4 + 2 * 3
    assert sorted(asked[:9]) == sorted(asked[9:]) == [100 + at for at in range(9)]
    assert asked[:9] != asked[9:]


def test_what_a_step_gets_depends_on_the_step_and_the_weights_alone(inputs: dict[str, Path]):
    model, prompts = load(inputs["model"]), [[1, 100 + at] for at in range(9)]
    whole = list(batches(Answers(WORK, model, prompts, end=2)))
    later = Answers(WORK, model, prompts, end=2)
    later.load({"step": 2})
    assert list(batches(later, 2)) == whole[2:]
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(3.0)
    assert list(batches(Answers(WORK, model, prompts, end=2))) != whole


def test_an_answer_that_ends_by_itself_learns_to_end(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """The end is a token of the answer; one that was cut at `max_new` has none."""
    replies = [[5, 6], [5, 6, 7, 8, 9, 10], [], [4]]
    monkeypatch.setattr("lehr.runtime.parts.distill.answers.generate", lambda *_, **__: replies)
    batch = Answers(WORK, load(inputs["model"]), [[1, 7]], end=2).batch(0)
    found = [[label for label in row if label != IGNORED] for row in batch.labels_BT.tolist()]
    assert found == [[5, 6, 2], [5, 6, 7, 8, 9, 10], [2], [4, 2]]


# ---- the stage -------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [Distribution(temperature=1.0), TopK(k=5, temperature=1.0)], ids=str)
def test_a_student_that_was_cut_off_anywhere_ends_with_the_same_weights(
    tmp_path: Path, inputs: dict[str, Path], target: Any
):
    kind = "jensen_shannon" if isinstance(target, Distribution) else "forward"
    policy = POLICY.model_copy(update={"divergence": kind})
    work = WORK.model_copy(update={"target": target, "on_policy": policy})
    unbroken = desk(tmp_path / "unbroken")
    facts = distill.run(step(work), inputs, unbroken)
    assert facts["loss"] > 0
    assert "truth" not in facts
    for cut in range(1, WORK.steps):
        room = desk(tmp_path / f"cut-{cut}", cut_after=cut)
        with pytest.raises(Cut):
            distill.run(step(work), inputs, room)
        later = desk(tmp_path / f"later-{cut}", checkpoints=room.checkpoints)
        assert distill.run(step(work), inputs, later) == facts
        assert weights(later.folder) == weights(unbroken.folder)


def test_prompts_without_room_for_an_answer_are_left_out_and_told(tmp_path: Path, inputs: dict[str, Path]):
    ask(tmp_path / "some", ["to be", "to be or not to be " * 9])
    room = desk(tmp_path / "room")
    distill.run(step(WORK), inputs | {"prompts": tmp_path / "some"}, room)
    assert ("left_out_prompts", {"count": 1, "of": 2, "longest": 18}) in room.said


def test_where_no_prompt_has_room_the_stage_is_refused(tmp_path: Path, inputs: dict[str, Path]):
    ask(tmp_path / "long", ["to be or not to be " * 9])
    with pytest.raises(StageError, match="no prompt of `echo` leaves room for an answer") as caught:
        distill.run(step(WORK), inputs | {"prompts": tmp_path / "long"}, desk(tmp_path / "room"))
    assert caught.value.code == "RUN172"


@pytest.mark.parametrize(
    ("target", "divergence", "what"),
    [
        (
            Convex(label=0, teacher_top1=1),
            "forward",
            ["`convex` on a student's own answers, which hold no truth"],
        ),
        (TopK(k=3, temperature=1.0), "reverse", ["a `reverse` divergence of the top k"]),
        (TopK(k=3, temperature=1.0), "forward", []),
        (Distribution(temperature=1.0), "reverse", []),
    ],
)
def test_what_cannot_be_learnt_of_answers_is_refused_by_name(target: Any, divergence: Any, what: list[str]):
    policy = POLICY.model_copy(update={"divergence": divergence})
    work = WORK.model_copy(update={"target": target, "on_policy": policy})
    assert list(lacking(step(work))) == what


# ---- prompts ---------------------------------------------------------------------------------


def texts(folder: Path) -> list[str]:
    return [document.text for document in read_documents(folder / "prompts.parquet")]


def test_prompts_of_skills_ask_nothing_that_is_held_out(tmp_path: Path):
    source = Builtin(name="skills", library="", wrong=0, rng=7)
    room = desk(tmp_path / "asks")
    facts = prompts.run(step(PromptsWork(source=source, examples=50)), {}, room)
    found = texts(room.folder)
    assert facts["prompts"] == len(found) == 50
    asked = [text.removeprefix("the ").removesuffix(" is") for text in found]
    assert not any(map(is_held_out, asked))
    assert len(set(found)) > 40
    metas = [json.loads(meta) for _, _, meta in read_records(room.folder / "prompts.parquet")]
    assert metas == [{"answer": answer(question)} for question in asked]


def test_prompts_of_files_are_their_field_prompt(tmp_path: Path):
    rows = [{"prompt": "what is it", "category": "easy"}, {"prompt": "  "}, {"prompt": "who is it"}]
    (tmp_path / "asks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = Files(pattern="asks.jsonl", files=matching("asks.jsonl", tmp_path), text="prompt", max_bad=0)
    room = desk(tmp_path / "asks", root=tmp_path)
    prompts.run(step(PromptsWork(source=source, examples=None)), {}, room)
    assert texts(room.folder) == ["what is it", "who is it"]


def test_a_row_without_a_prompt_is_a_letter(tmp_path: Path):
    (tmp_path / "asks.jsonl").write_text('{"question": "what is it"}\n')
    source = Files(pattern="asks.jsonl", files=matching("asks.jsonl", tmp_path), text="prompt", max_bad=0)
    with pytest.raises(StageError, match=r"asks\.jsonl:1 has no field `prompt`"):
        prompts.run(
            step(PromptsWork(source=source, examples=None)), {}, desk(tmp_path / "asks", root=tmp_path)
        )


def test_stand_ins_are_short_and_as_many_as_asked(tmp_path: Path):
    source = Synthetic(seed=1, tokens=None, examples=20, lengths=None)
    room = desk(tmp_path / "asks")
    prompts.run(step(PromptsWork(source=source, examples=20)), {}, room)
    found = texts(room.folder)
    assert len(found) == 20
    assert max(map(len, found)) < 300
