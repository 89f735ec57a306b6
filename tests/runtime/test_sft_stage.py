"""`sft`: whole conversations in rows, a loss on answers alone, and the same weights whatever cut it off."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from rooms import Cut, desk, weights
from safetensors.torch import load_file

from lehr.compiler.plan.model import (
    AdamW,
    Arch,
    Checkpoint,
    Distribution,
    InitWork,
    Leg,
    Lora,
    Open,
    Origin,
    Phase,
    Segment,
    SftWork,
    Share,
    Step,
    Template,
    Work,
)
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.chat import carried
from lehr.runtime.parts.chat.feed import packed
from lehr.runtime.parts.chat.rows import Conversation, Turn, write_conversations
from lehr.runtime.parts.chat.template import ChatTemplate, shipped
from lehr.runtime.parts.data.feed import IGNORED
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.parts.loss.answers import answers
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.files import load
from lehr.runtime.stages import init, sft
from lehr.runtime.stages.opened import laid_out

TURNS = Template(path="turns.jinja", text=shipped("turns"))
ALL = Fraction(1)


def work(**changes: Any) -> SftWork:
    shares = {"a": Share(first=Fraction(3, 4), last=Fraction(3, 4)), "b": Share(first=ALL / 4, last=ALL / 4)}
    return SftWork(
        phases=(Phase(steps=6, context=40, sequences=6, rope=None, shares=shares),),
        lr=(Segment(start=0, end=6, first=0.02, last=0.002),),
        optimizer=AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0),
        average=None,
        rng=3,
        earlier=0,
        template=TURNS,
        dropout=0.0,
        lora=None,
        target=None,
    ).model_copy(update=changes)


def step(of: Work) -> Step:
    origin = Origin(path="spec.lehr", line=1, column=1)
    told = {"address": "tuned", "fingerprint": "0" * 64, "inputs": {}, "work": of, "origin": origin}
    return Step.model_validate(told | {"checkpoint": Checkpoint(every=2, keep=8)})


def said(name: str, count: int, **meta: Any) -> list[Conversation]:
    letters = "qwertyuiop"
    return [
        Conversation(
            f"{name}:{at}",
            (Turn("user", " ".join(letters[: 1 + at % 7])), Turn("assistant", letters[at % 7])),
            dict(meta),
        )
        for at in range(count)
    ]


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    specials = ["<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|turn|>"]
    text = ["q w e r t y u i o p"] * 9
    vocabulary = train(text, vocab=280, specials=specials, split_digits=True)
    for name in ("words", "a", "b"):
        (tmp_path / name).mkdir()
    Vocabulary.of(vocabulary, "<|begin|>", "<|end|>").save(tmp_path / "words")
    for name, count in (("a", 17), ("b", 5)):
        write_conversations(tmp_path / name / "train.parquet", said(name, count))
    arch = Arch(
        layers=2, width=16, heads=2, kv_heads=1, head_dim=8, ffn=24, vocab=280, rope=100.0, tied=True,
        norm_eps=1e-5,
    )  # fmt: skip
    for name, rng in (("model", 1), ("teacher", 2)):
        init.run(step(InitWork(arch=arch, std=0.2, rng=rng)), {}, desk(tmp_path / name))
    own = {"tokenizer": tmp_path / "words", "tokenizer:teacher": tmp_path / "words"}
    data = {f"data:{name}": tmp_path / name for name in ("a", "b")}
    return {"model": tmp_path / "model", "teacher": tmp_path / "teacher", **own, **data}


KINDS: dict[str, dict[str, Any]] = {
    "by examples": {},
    "by tokens": {"by": "tokens"},
    "dropped": {"dropout": 0.2},
    "low rank": {"lora": Lora(rank=2, alpha=4.0, targets=("attention", "ffn"))},
    "of a teacher": {"target": Distribution(temperature=1.0)},
}


@pytest.mark.parametrize("changes", KINDS.values(), ids=list(KINDS))
def test_what_was_cut_off_or_stopped_ends_with_the_same_weights(
    tmp_path: Path, inputs: dict[str, Path], changes: dict[str, Any]
):
    task = step(work(**changes))
    whole = desk(tmp_path / "whole")
    facts = sft.run(task, inputs, whole)
    assert facts["steps"] == 6
    for name, kind, settings in (("stop", Interrupted, {"stop_after": 3}), ("cut", Cut, {"cut_after": 4})):
        room = desk(tmp_path / name, **settings)
        with pytest.raises(kind):
            sft.run(task, inputs, room)
        again = desk(tmp_path / f"{name}-again", checkpoints=room.checkpoints)
        assert sft.run(task, inputs, again) == facts
        assert weights(again.folder) == weights(whole.folder)


def test_dropout_changes_what_is_learnt_and_leaves_nothing_behind(tmp_path: Path, inputs: dict[str, Path]):
    plain, dropped = desk(tmp_path / "plain"), desk(tmp_path / "dropped")
    sft.run(step(work()), inputs, plain)
    sft.run(step(work(dropout=0.2)), inputs, dropped)
    assert weights(plain.folder) != weights(dropped.folder)


def test_low_rank_additions_are_in_the_weights_and_beside_them_as_peft_has_them(
    tmp_path: Path, inputs: dict[str, Path]
):
    room, lora = desk(tmp_path / "thin"), Lora(rank=2, alpha=4.0, targets=("attention",))
    facts = sft.run(step(work(lora=lora)), inputs, room)
    before = load_file(inputs["model"] / "model.safetensors")
    after = load_file(room.folder / "model.safetensors")
    added = load_file(room.folder / "adapter/adapter_model.safetensors")
    config = json.loads((room.folder / "adapter/adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (2, 4.0, "LORA")
    assert facts["adapter"] == sum(one.numel() for one in added.values())
    name = "model.layers.1.self_attn.q_proj"
    first, second = (added[f"base_model.model.{name}.lora_{one}.weight"] for one in "AB")
    torch.testing.assert_close(after[f"{name}.weight"], before[f"{name}.weight"] + 2.0 * second @ first)
    still = "model.layers.1.mlp.up_proj.weight"
    assert torch.equal(after[still], before[still])


def test_the_template_stays_with_the_model(tmp_path: Path, inputs: dict[str, Path]):
    room = desk(tmp_path / "taught")
    sft.run(step(work()), inputs, room)
    assert carried.text(room.folder) == TURNS.text
    words = Vocabulary.open(inputs["tokenizer"])
    assert ChatTemplate.of(None, words, room.folder).text == TURNS.text


def test_a_conversation_in_a_row_learns_as_it_does_alone(inputs: dict[str, Path]):
    """No conversation sees another, and logits are made only where there is a label."""
    model, phase = load(inputs["model"]), work().phases[0]
    words = Vocabulary.open(inputs["tokenizer"])
    chat = ChatTemplate.of(TURNS, words)
    from lehr.runtime.parts.chat.learnt import marked, unmarked

    rows = [torch.tensor(marked(chat.encode(one.messages))) for one in said("a", 5)]
    together = unmarked(packed(rows, 41))
    assert len(together.tokens_BT) < len(rows)
    alone = sum(answers(model, unmarked(packed([one], 41)), phase) for one in rows)
    torch.testing.assert_close(answers(model, together, phase), alone)
    torch.testing.assert_close(next_token(model, together, phase), alone)
    supervised = sum(sum(chat.encode(one.messages).supervised) for one in said("a", 5))
    assert int((together.labels_BT != IGNORED).sum()) == supervised


def test_an_answer_that_was_cut_short_does_not_teach_to_stop(tmp_path: Path, inputs: dict[str, Path]):
    write_conversations(inputs["data:b"] / "train.parquet", said("b", 4, ended=False))
    facts = sft.run(step(work()), inputs, desk(tmp_path / "cut"))
    chat = ChatTemplate.of(TURNS, Vocabulary.open(inputs["tokenizer"]))
    learnt = [sum(chat.encode(one.messages).supervised) for one in said("b", 4)]
    assert facts["data"]["b"]["answers"] == sum(learnt) - 4


def test_what_does_not_fit_is_left_out_and_counted(tmp_path: Path, inputs: dict[str, Path]):
    long = Conversation("long", (Turn("user", "q " * 60), Turn("assistant", "w")))
    write_conversations(inputs["data:b"] / "train.parquet", [long, *said("b", 3)])
    room = desk(tmp_path / "long")
    facts = sft.run(step(work()), inputs, room)
    assert facts["data"]["b"]["long"] == 1
    assert ("left_out_rows", {"data": "b", "count": 1, "longest": 40}) in room.said


BAD: dict[str, tuple[list[Conversation], str]] = {
    "no answer": ([Conversation("x:9", (Turn("user", "q"),))], "RUN205"),
    "all too long": ([Conversation("x:1", (Turn("user", "q " * 60), Turn("assistant", "w")))], "RUN208"),
    "nothing at all": ([], "RUN145"),
}


@pytest.mark.parametrize(("rows", "code"), BAD.values(), ids=list(BAD))
def test_data_that_teaches_nothing_is_a_letter(
    tmp_path: Path, inputs: dict[str, Path], rows: list[Conversation], code: str
):
    write_conversations(inputs["data:b"] / "train.parquet", rows)
    with pytest.raises(StageError) as caught:
        sft.run(step(work()), inputs, desk(tmp_path / "bad"))
    assert caught.value.code == code


def test_text_is_no_conversation(tmp_path: Path, inputs: dict[str, Path]):
    from lehr.runtime.parts.data.tables import records

    with records(inputs["data:b"] / "train.parquet") as write:
        write("b:1", "running text", "")
    with pytest.raises(StageError) as caught:
        sft.run(step(work()), inputs, desk(tmp_path / "bad"))
    assert caught.value.code == "RUN200"


# ---- a length that only a run can tell ------------------------------------------------------


def test_an_open_length_is_laid_out_by_what_was_found(tmp_path: Path, inputs: dict[str, Path]):
    half = Leg(glides=False, value=0.01, place=Fraction(1, 2), of="stage", via="linear")
    end = Leg(glides=True, value=0.0, place=ALL, of="stage", via="cosine")
    open_ = Open(
        epochs=Fraction(2), counts="examples", of="a", context=40, sequences=4, rope=None, lr=0.02, legs=(half, end)
    )  # fmt: skip
    task = work(phases=(), lr=(), open=open_)
    found = laid_out(task, 17)
    assert found.steps == 9  # ceil(34 / 4)
    assert [(one.start, one.end, one.first, one.last) for one in found.lr] == [
        (0, 5, 0.02, 0.02),
        (5, 9, 0.01, 0.0),
    ]
    assert sft.run(step(task), inputs, desk(tmp_path / "open"))["steps"] == 9
