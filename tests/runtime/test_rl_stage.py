"""`rl`: what a batch of answers is, what is learnt of it, and that nothing but the step decides."""

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from rooms import Cut, desk, weights

from lehr.compiler.plan.model import (
    AdamW,
    Algorithm,
    Arch,
    Checker,
    Checkpoint,
    InitWork,
    Leg,
    Open,
    Origin,
    Phase,
    RlWork,
    Segment,
    Step,
    Work,
)
from lehr.runtime.errors import StageError
from lehr.runtime.parts.chat.rows import PROMPTS, Prompt, Turn, write_prompts
from lehr.runtime.parts.data.feed import IGNORED
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.parts.judging.asked import Asked
from lehr.runtime.parts.loss.log_probs import label_log_probs
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load
from lehr.runtime.parts.model.generate import Reply
from lehr.runtime.parts.rl.rollouts import Beside, Question, Rollouts, rows
from lehr.runtime.stages import init, rl
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
    for steps, context, sequences in ((5, 48, 6), (3, 40, 4))
)
MDLOO = Algorithm(kind="mdloo", rollouts=2, inner=3, gamma=0.1)
WORK = RlWork(
    phases=PHASES,
    lr=(Segment(start=0, end=8, first=0.02, last=0.02),),
    optimizer=AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.0, clip=1.0),
    average=None,
    rng=3,
    earlier=1,
    algorithm=MDLOO,
    judge=Checker(name="shorter"),
    ema=None,
    kl=0.05,
    temperature=1.0,
    max_new=6,
    template=None,
)


def step(work: Work, every: int = 1) -> Step:
    origin = Origin(path="spec.lehr", line=1, column=1)
    told = {"address": "online", "fingerprint": "0" * 64, "inputs": {}, "work": work, "origin": origin}
    return Step.model_validate(told | {"checkpoint": Checkpoint(every=every, keep=2)})


def changed(**changes: Any) -> RlWork:
    return WORK.model_copy(update=changes)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    for name, rng in (("model", 1), ("reference", 2)):
        init.run(step(InitWork(arch=ARCH, std=0.3, rng=rng)), {}, desk(tmp_path / name))
    (tmp_path / "words").mkdir()
    words = train(
        ["to be or not to be user assistant :"], vocab=300, specials=("<|end|>",), split_digits=True
    )
    Vocabulary.of(words, "", "<|end|>").save(tmp_path / "words")
    ask(tmp_path / "asks", [f"be {number}" for number in range(7)])
    roles = {"model": "model", "reference": "reference", "tokenizer": "words", "prompts": "asks"}
    return {role: tmp_path / name for role, name in roles.items()}


def ask(folder: Path, texts: Sequence[str]) -> None:
    folder.mkdir()
    prompts = (Prompt(str(at), (Turn("user", text),)) for at, text in enumerate(texts))
    write_prompts(folder / PROMPTS, prompts)


@pytest.fixture(autouse=True)
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that likes low ids, and so has an opinion of what a model drawn at random says."""
    monkeypatch.setattr(rl, "judge_of", lambda *_: low)


def low(asked: Sequence[Asked]) -> list[float]:
    return [1 - sum(one.ids) / len(one.ids) / 300 for one in asked]


# ---- batches of answers ------------------------------------------------------------------------


def drawn(inputs: dict[str, Path], work: RlWork) -> Rollouts:
    words = Vocabulary.open(inputs["tokenizer"])
    questions = [Question(Prompt(str(at), ()), [200 + at]) for at in range(7)]
    models = [load(inputs[role]) for role in ("model", "reference")]
    return Rollouts(work, *models, lengths, questions, words, frozenset({words.end}))


def lengths(asked: Sequence[Asked]) -> list[float]:
    return [1.0 / len(one.ids) for one in asked]


def test_only_the_tokens_of_an_answer_are_labels_and_rows_are_as_wide_as_they_must():
    batch = rows([[1, 7], [1, 8, 9, 8]], [[5, 6, 2], [4]])
    assert batch.tokens_BT.tolist() == [[1, 7, 5, 6], [1, 8, 9, 8]]
    assert batch.labels_BT.tolist() == [
        [IGNORED, 5, 6, 2],
        [IGNORED, IGNORED, IGNORED, 4],
    ]
    assert batch.terms == 2
    assert batch.tokens == 10


def test_groups_stand_together_and_an_epoch_asks_each_prompt_once(inputs: dict[str, Path]):
    work = changed(algorithm=Algorithm(kind="rloo", rollouts=2))
    rollouts = drawn(inputs, work)
    asked = [int(row[0]) for at in range(work.steps) for row in rollouts.batch(at).tokens_BT]
    assert asked[::2] == asked[1::2]
    groups = asked[::2]
    assert len(groups) == 5 * 3 + 3 * 2
    assert sorted(groups[:7]) == sorted(groups[7:14]) == [200 + at for at in range(7)]
    assert groups[:7] != groups[7:14]


def test_inner_steps_are_on_the_same_answers_and_a_phase_begins_with_new_ones(inputs: dict[str, Path]):
    rollouts = drawn(inputs, WORK)
    batches = [rollouts.batch(at) for at in range(WORK.steps)]
    same = [batches[at] is batches[at - 1] for at in range(1, WORK.steps)]
    assert same == [True, True, False, True, False, True, True]
    shapes = [batch.tokens_BT.shape[0] for batch in batches]
    assert shapes == [6] * 5 + [4] * 3


def test_what_is_told_and_learnt_of_a_batch(inputs: dict[str, Path]):
    """Rewards less the divergence from the reference and the penalties, against the other answers."""
    work = changed(length_penalty=0.01, cut_penalty=0.5)
    batch = drawn(inputs, work).batch(0)
    beside = Beside(*batch.beside)
    kept = batch.labels_BT != IGNORED
    for role, found in (("model", beside.last_BT), ("reference", beside.reference_BT)):
        model = load(inputs[role])
        logits = model(batch.tokens_BT, batch.documents_BT, None).log_softmax(-1)
        wanted = logits.gather(-1, batch.labels_BT.clamp(min=0)[..., None])[..., 0].where(kept, 0.0)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    reward, kl, length, cut = beside.told_BF.unbind(1)
    assert length.tolist() == kept.sum(1).tolist()
    torch.testing.assert_close(kl, (beside.last_BT - beside.reference_BT).sum(1))
    torch.testing.assert_close(reward, 1 / length)
    words = Vocabulary.open(inputs["tokenizer"])
    ended = [row[mask][-1] == words.end for row, mask in zip(batch.labels_BT, kept, strict=True)]
    assert cut.tolist() == [float(not one) for one in ended]
    whole = (reward - 0.05 * kl - 0.01 * length - 0.5 * cut).view(-1, 2)
    wanted = (whole - whole.flip(1)).flatten()
    torch.testing.assert_close(beside.advantages_B, wanted, rtol=1e-4, atol=1e-6)


def test_at_a_temperature_log_probabilities_are_of_what_was_drawn(inputs: dict[str, Path]):
    arch = ARCH.model_copy(update={"final_cap": 2.0})
    model = Decoder(arch)
    model.load_state_dict(load(inputs["model"]).state_dict())
    batch = rows([[1, 7]], [[5, 6, 2]])
    found = label_log_probs(model, batch, None, 0.7)[0, 1:]
    logs = (model(batch.tokens_BT, batch.documents_BT, None)[0, 1:] / 0.7).log_softmax(-1)
    torch.testing.assert_close(found, logs[torch.arange(3), torch.tensor([5, 6, 2])])


def test_a_reference_that_moves_follows_the_policy_step_by_step(inputs: dict[str, Path]):
    rollouts = drawn(inputs, changed(ema=0.25, algorithm=Algorithm(kind="reinforce")))
    policy = rollouts._policy  # pyright: ignore[reportPrivateUsage]
    weight = policy.model.embed_tokens.weight
    slow = rollouts.reference.model.embed_tokens.weight
    slow.copy_(weight.detach())
    batch = rollouts.batch(0)
    with torch.no_grad():
        weight.add_(1.0)
    rollouts.batch(1)
    torch.testing.assert_close(slow, weight - 0.75)
    rollouts.batch(1)
    torch.testing.assert_close(slow, weight - 0.75)
    assert batch.tokens_BT.shape[0] == 6


def test_an_answer_is_learnt_with_the_token_that_ended_it(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """Of several that may: a turn's end is no text's end."""
    given = [Reply([5, 6], True, 9), Reply([5], True, 2), Reply([5, 6, 7, 8, 9, 4], False)] * 2
    monkeypatch.setattr("lehr.runtime.parts.rl.rollouts.replies", lambda *_: given)
    batch = drawn(inputs, WORK).batch(0)
    found = [[label for label in row if label != IGNORED] for row in batch.labels_BT.tolist()]
    assert found == [[5, 6, 9], [5, 2], [5, 6, 7, 8, 9, 4]] * 2
    assert Beside(*batch.beside).told_BF[:, 3].tolist() == [0, 0, 1] * 2


# ---- the stage -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": Algorithm(kind="reinforce")},
        {"algorithm": Algorithm(kind="rloo", rollouts=2), "ema": 0.1},
        {"algorithm": MDLOO, "ema": 0.1},
        {"algorithm": Algorithm(kind="grpo", rollouts=2, inner=2, clip=0.2), "compute": "bf16"},
    ],
    ids=["reinforce", "rloo", "mdloo", "grpo"],
)
def test_a_policy_that_was_cut_off_anywhere_ends_with_the_same_weights(
    tmp_path: Path, inputs: dict[str, Path], changes: dict[str, Any]
):
    work = changed(**changes)
    unbroken = desk(tmp_path / "unbroken")
    facts = rl.run(step(work), inputs, unbroken)
    assert weights(unbroken.folder) != weights(inputs["model"])
    assert {"reward", "reward_first", "kl", "length", "cut", "tokens", "steps"} <= facts.keys()
    assert math.isfinite(facts["loss"])
    for cut in (2, 7):
        room = desk(tmp_path / f"cut-{cut}", cut_after=cut)
        with pytest.raises(Cut):
            rl.run(step(work), inputs, room)
        later = desk(tmp_path / f"later-{cut}", checkpoints=room.checkpoints)
        assert rl.run(step(work), inputs, later) == facts
        assert weights(later.folder) == weights(unbroken.folder)


def test_a_policy_is_paid_for_what_it_does(tmp_path: Path, inputs: dict[str, Path]):
    """Paid for low ids, it says them more often."""
    phases = (PHASES[0].model_copy(update={"steps": 24, "sequences": 12}),)
    lr = (Segment(start=0, end=24, first=0.03, last=0.03),)
    work = changed(phases=phases, lr=lr, algorithm=Algorithm(kind="rloo", rollouts=4), kl=0.0)
    facts = rl.run(step(work, every=100), inputs, desk(tmp_path / "room"))
    assert facts["reward"] > facts["reward_first"] + 0.05


def test_passes_over_prompts_become_steps(tmp_path: Path, inputs: dict[str, Path]):
    known = Open(
        epochs=Fraction(2), counts="examples", of="asks", answers=4, context=48, sequences=8, rope=None,
        lr=0.01, legs=(Leg(glides=True, value=0.0, place=Fraction(1), of="stage", via="linear"),),
    )  # fmt: skip
    work = changed(phases=(), lr=(), open=known, algorithm=Algorithm(kind="rloo", rollouts=4))
    facts = rl.run(step(work), inputs, desk(tmp_path / "room"))
    assert facts["steps"] == 7


def test_prompts_without_room_for_an_answer_are_left_out_and_told(tmp_path: Path, inputs: dict[str, Path]):
    ask(tmp_path / "some", ["be", "to be or not to be " * 9])
    room = desk(tmp_path / "room")
    rl.run(step(WORK), inputs | {"prompts": tmp_path / "some"}, room)
    assert ("left_out_prompts", {"count": 1, "of": 2, "longest": 34}) in room.said


def test_where_no_prompt_has_room_the_stage_is_refused(tmp_path: Path, inputs: dict[str, Path]):
    ask(tmp_path / "long", ["to be or not to be " * 9])
    with pytest.raises(StageError, match="no prompt of `online` leaves room for an answer") as caught:
        rl.run(step(WORK), inputs | {"prompts": tmp_path / "long"}, desk(tmp_path / "room"))
    assert caught.value.code == "RUN241"


def test_a_reference_of_another_vocabulary_is_refused(tmp_path: Path, inputs: dict[str, Path]):
    other = ARCH.model_copy(update={"vocab": 310})
    init.run(step(InitWork(arch=other, std=0.3, rng=2)), {}, desk(tmp_path / "other"))
    with pytest.raises(StageError) as caught:
        rl.run(step(WORK), inputs | {"reference": tmp_path / "other"}, desk(tmp_path / "room"))
    assert caught.value.code == "RUN213"


def test_a_state_between_inner_steps_holds_the_answers(tmp_path: Path, inputs: dict[str, Path]):
    room = desk(tmp_path / "room", cut_after=3)
    with pytest.raises(Cut):
        rl.run(step(WORK), inputs, room)
    held = [
        sum(name.startswith("feed.held.") for name in tensors) for _, tensors, _ in room.checkpoints.states
    ]
    assert held == [7, 7]
    meta = json.loads(room.checkpoints.states[-1][2])
    assert meta["feed"]["step"] == 2


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, []),
        ({"temperature": 0.0}, ["answers at temperature 0, which are all the same"]),
        (
            {"algorithm": Algorithm(kind="rloo", rollouts=1)},
            ["`rloo` of a single answer, which there is nothing to compare with"],
        ),
        (
            {"algorithm": Algorithm(kind="grpo", rollouts=3, clip=0.2)},
            ["a batch of 4 answers, which is no whole number of groups of 3"],
        ),
    ],
)
def test_what_no_advantage_can_be_made_of_is_refused_by_name(changes: dict[str, Any], what: list[str]):
    assert [one for one in lacking(step(changed(**changes))) if one != "`rl`"] == what
