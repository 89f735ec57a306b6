"""`preferences`, `reward` and `dpo` as stages: what they make of rows, and that a cut changes nothing."""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from preferring import (
    ARCH,
    PAIRS,
    data,
    dpo_work,
    inputs,
    named,
    policy,
    reward_work,
    step_of,
    tensors,
    written,
)
from rooms import Cut, Saved, desk, weights

from lehr.compiler.plan import files
from lehr.compiler.plan.model import (
    Builtin,
    Checkpoint,
    Files,
    MergeBack,
    PreferencesWork,
    Synthetic,
    TrainedWork,
)
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.chat.rows import Turn, read_pairs
from lehr.runtime.parts.data.skills import answer, is_held_out
from lehr.runtime.parts.reward.model import RewardModel
from lehr.runtime.stages import dpo, preferences, reward

ROWS = [
    {
        "prompt": f"{at} + 1 =",
        "chosen": str(at + 1),
        "rejected": str(at + 2),
        "level": at % 4,
        "source": "sums",
    }
    for at in range(40)
]


# ---- rows ----------------------------------------------------------------------------------


def test_rows_become_pairs_and_whole_prompts_are_held_out(tmp_path: Path):
    facts, folder = written(tmp_path, [*ROWS, *({**row, "rejected": "none"} for row in ROWS)], examples=76)
    learnt, held = list(read_pairs(folder)), list(read_pairs(folder, "heldout.parquet"))
    assert (facts["pairs"], facts["heldout"]) == (len(learnt), len(held))
    assert len(learnt) + len(held) == 76
    assert held
    assert not {pair.prompt for pair in learnt} & {pair.prompt for pair in held}
    first = learnt[0]
    assert (first.prompt, first.meta) == ((Turn("user", ROWS[0]["prompt"]),), {"source": "sums"})
    assert (first.chosen, first.rejected, first.level) == ("1", "2", 0)


def test_messages_and_edits_and_grades_are_read(tmp_path: Path):
    asks = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}]
    row = {
        "prompt": asks,
        "chosen": [{"role": "assistant", "content": "hello to you"}],
        "rejected": "what",
        "edited": "hello, friend",
        "grades": {"harmlessness": [2, 0]},
    }
    _, folder = written(tmp_path, [row])
    (pair,) = [*read_pairs(folder), *read_pairs(folder, "heldout.parquet")]
    assert pair.prompt == (Turn("system", "be kind"), Turn("user", "hello"))
    assert (pair.edited, pair.chosen, pair.grades) == (
        "hello, friend",
        "hello to you",
        {"harmlessness": (2, 0)},
    )


def test_parquet_says_the_same(tmp_path: Path):
    _, folder = written(tmp_path / "lines", ROWS)
    (tmp_path / "table").mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "table/pairs.parquet")
    source = Files(
        pattern="pairs.parquet", files=files.matching("pairs.parquet", tmp_path / "table"), text="", max_bad=0
    )
    work = PreferencesWork(source=source, examples=None, batches=1)
    preferences.run(step_of(work), {}, desk(tmp_path / "out", root=tmp_path / "table"))
    one, other = list(read_pairs(folder)), list(read_pairs(tmp_path / "out"))
    assert [replace(pair, id="") for pair in one] == [replace(pair, id="") for pair in other]


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "RUN211", "the same answer in `chosen`"),
        (
            {"prompt": "a", "chosen": "b", "rejected": "c", "edited": "c"},
            "RUN211",
            "the same answer in `edited`",
        ),
        ({"prompt": "a", "chosen": "b"}, "RUN142", "has no field `rejected`"),
        ({"prompt": "a", "chosen": "b", "rejected": " "}, "RUN142", "an empty answer in `rejected`"),
        ({"prompt": "a", "chosen": 3, "rejected": "c"}, "RUN142", "`chosen`"),
        ({"prompt": "a", "chosen": "b", "rejected": "c", "level": -1}, "RUN142", "`level`"),
        ({"prompt": "a", "chosen": "b", "rejected": "c", "level": True}, "RUN142", "`level`"),
        ({"prompt": "a", "chosen": "b", "rejected": "c", "grades": {"tone": [1, 7]}}, "RUN142", "`tone`"),
        ({"prompt": "a", "chosen": "b", "rejected": "c", "grades": 3}, "RUN142", "`grades`"),
    ],
)
def test_a_row_that_is_no_pair_is_named(tmp_path: Path, row: dict[str, Any], code: str, said: str):
    with pytest.raises(StageError) as found:
        written(tmp_path, [ROWS[0], row])
    assert found.value.code == code
    assert found.value.headline.startswith("pairs.jsonl:2 ")
    assert said in found.value.headline


def test_nothing_to_learn(tmp_path: Path):
    with pytest.raises(StageError) as found:
        written(tmp_path, [])
    assert found.value.code == "RUN145"
    with pytest.raises(StageError) as found:
        written(tmp_path / "few", ROWS[:2], batches=3)
    assert found.value.code == "RUN210"


def test_builtin_pairs_are_right_over_wrong_and_held_out_questions_stay_out(tmp_path: Path):
    work = PreferencesWork(
        source=Builtin(name="preferences", library="", wrong=Fraction(0), rng=3), examples=200, batches=1
    )
    facts = preferences.run(step_of(work), {}, desk(tmp_path))
    assert facts["pairs"] == 200
    for part, held in (("pairs.parquet", False), ("heldout.parquet", True)):
        for pair in read_pairs(tmp_path, part):
            question = pair.prompt[0].content.removeprefix("the ").removesuffix(" is")
            assert is_held_out(question) is held
            assert pair.chosen == f"{answer(question)} ."
            assert pair.rejected != pair.chosen
            assert pair.level in (1, 2, 3)


def test_stand_ins(tmp_path: Path):
    work = PreferencesWork(
        source=Synthetic(seed=1, tokens=None, examples=None, lengths=None), examples=7, batches=1
    )
    assert preferences.run(step_of(work), {}, desk(tmp_path))["pairs"] == 7


# ---- judges and policies ---------------------------------------------------------------------

KINDS: dict[str, tuple[Callable[..., Any], Callable[..., TrainedWork]]] = {
    "reward": (reward.run, lambda: reward_work(loss="soft_label", grading=0.2)),
    "dpo": (dpo.run, lambda: dpo_work(nll=0.2, mask=("terminators",))),
}


def ran(
    kind: str, root: Path, to: Path, work: TrainedWork | None = None, **more: Any
) -> tuple[dict[str, Any], Path]:
    run, usual = KINDS[kind]
    saved = more.pop("checkpoints", Saved())
    room = desk(to, checkpoints=saved, **more.pop("room", {}))
    folders = inputs(root) | ({"reference": root / "policy"} if kind == "dpo" else {}) | more
    step = step_of(work or usual(), kind, **named(folders))
    step = step.model_copy(update={"checkpoint": Checkpoint(every=2, keep=2)})
    return run(step, folders, room), to


@pytest.mark.parametrize("kind", KINDS)
def test_a_stage_that_was_cut_off_ends_with_the_same_weights(tmp_path: Path, kind: str):
    """The power fails before a step, and where a reference has spoken for some pairs alone."""
    facts, unbroken = ran(kind, tmp_path, tmp_path / "unbroken")
    for place in (1, 2, 6, 8):
        saved = Saved()
        with pytest.raises(Cut):
            ran(kind, tmp_path, tmp_path / f"cut{place}", checkpoints=saved, room={"cut_after": place})
        again, folder = ran(kind, tmp_path, tmp_path / f"again{place}", checkpoints=saved)
        assert weights(folder) == weights(unbroken)
        assert again == facts


def test_a_reference_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After the first step nobody opens it again."""
    saved = Saved()
    with pytest.raises(Interrupted):
        ran("dpo", tmp_path, tmp_path / "stopped", checkpoints=saved, room={"stop_after": 5})
    monkeypatch.setattr(dpo, "of_reference", lambda *_: pytest.fail("it was asked again"))
    facts, _ = ran("dpo", tmp_path, tmp_path / "resumed", checkpoints=saved)
    assert facts["steps"] == 8


def test_another_reference_is_another_model(tmp_path: Path):
    _, own = ran("dpo", tmp_path, tmp_path / "own")
    _, other = ran("dpo", tmp_path, tmp_path / "other", reference=policy(tmp_path / "elder", 2))
    assert weights(own) != weights(other)


def test_the_first_loss_is_log_2(tmp_path: Path):
    facts, _ = ran(
        "dpo",
        tmp_path,
        tmp_path / "out",
        dpo_work(lr=(reward_work().lr[0].model_copy(update={"first": 0.0}),)),
    )
    assert facts["loss"] == pytest.approx(math.log(2), abs=1e-6)  # no rate, no step away from it


def test_dpo_prefers_what_it_was_shown(tmp_path: Path):
    facts, _ = ran(
        "dpo",
        tmp_path,
        tmp_path / "out",
        dpo_work(phases=(dpo_work().phases[0].model_copy(update={"steps": 30}),)),
    )
    assert facts["chosen"] > facts["rejected"]
    assert facts["pairs"] == 12


def test_a_difference_is_merged_back(tmp_path: Path):
    back = MergeBack(rate=0.01, method="ties", reserve=0.5, every=2)
    elder = policy(tmp_path / "elder", 2)
    _, plain = ran("dpo", tmp_path, tmp_path / "plain")
    roles = {"merge_back": tmp_path / "policy", "merge_base": elder}
    for kind, usual in (("dpo", dpo_work), ("reward", reward_work)):
        facts, folder = ran(kind, tmp_path, tmp_path / f"merged {kind}", usual(merge_back=back), **roles)
        assert facts["steps"] == 8
        assert weights(folder) != weights(plain)


def test_a_judge_is_measured_on_what_was_held_out(tmp_path: Path):
    data(tmp_path / "people", PAIRS[:8], heldout=PAIRS[8:])
    facts, folder = ran("reward", tmp_path, tmp_path / "judge")
    told = facts["heldout"]
    assert told["pairs"] == 4 + 2  # one of the four has three answers
    assert set(told["levels"]) == {"0", "1", "2", "3"}
    assert 0 <= told["accuracy"] <= 1
    assert RewardModel.load(folder).score.weight.abs().sum() > 0
    assert "grades.truthfulness.2.weight" in tensors(folder)


def test_edits_make_three_pairs_of_a_row(tmp_path: Path):
    facts, _ = ran("reward", tmp_path, tmp_path / "judge")
    assert facts["pairs"] == 12
    assert facts["learnt"]["pairs"] == 12 + 2 * 3


# ---- what cannot be learnt ----------------------------------------------------------------------


def refused(kind: str, root: Path, work: TrainedWork | None = None, **more: Path) -> StageError:
    with pytest.raises(StageError) as found:
        ran(kind, root, root / "out", work, **more)
    return found.value


def short(work: TrainedWork, context: int) -> TrainedWork:
    return work.model_copy(update={"phases": (work.phases[0].model_copy(update={"context": context}),)})


def test_an_answer_that_leaves_no_room_for_its_prompt(tmp_path: Path):
    letter = refused("dpo", tmp_path, short(dpo_work(), 4))
    assert (letter.code, letter.name) == ("RUN212", "answer-too-long")
    assert "context of 4" in letter.headline


def test_a_long_prompt_is_cut_alike_before_both_answers(tmp_path: Path):
    pair = replace(PAIRS[0], prompt=(Turn("user", "long " * 50),))
    data(tmp_path / "people", [pair])
    facts, _ = ran("dpo", tmp_path, tmp_path / "out", short(dpo_work(), 40))
    assert facts["drawn"]["people"] <= 2 * 40 * facts["steps"] * 4


def test_two_texts_that_a_template_makes_one(tmp_path: Path):
    data(tmp_path / "people", [replace(PAIRS[0], rejected=PAIRS[0].chosen)])
    assert refused("dpo", tmp_path).code == "RUN211"


def test_no_pair_at_all(tmp_path: Path):
    data(tmp_path / "people", [])
    assert refused("reward", tmp_path).code == "RUN145"


def test_a_level_that_a_loss_does_not_know(tmp_path: Path):
    for level, said in ((None, "no level"), (4, "level 4")):
        data(tmp_path / "people", [replace(PAIRS[0], level=level)])
        letter = refused("reward", tmp_path)
        assert letter.code == "RUN214"
        assert said in letter.headline


def test_a_reference_of_another_vocabulary(tmp_path: Path):
    large = policy(tmp_path / "large", arch=ARCH.model_copy(update={"vocab": 301}))
    assert refused("dpo", tmp_path, reference=large).code == "RUN213"
