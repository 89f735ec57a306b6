"""Editions of the code, and what a run has done: what is kept, what runs again, and because of what."""

from pathlib import Path

import pytest
from pipelines import SPEC

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.compare import Past, decide, differences, stale
from lehr.compiler.plan.model import Plan, World
from lehr.compiler.plan.settle import settle


@pytest.fixture
def plan(tmp_path: Path):
    def make(text: str = SPEC, **editions: int) -> Plan:
        (tmp_path / "tiny.lehr").write_text(text)
        found, _ = compile_spec(str(tmp_path / "tiny.lehr"), editions=editions)
        assert found
        return found

    return make


def prints(plan: Plan) -> dict[str, str]:
    return {step.address: step.fingerprint for step in plan.steps}


def decided(plan: Plan, past: Past, current: Plan | None = None, force: frozenset[str] = frozenset()):
    return {one.step.address: one for one in decide(plan, past, current, force)}


def test_work_of_an_older_edition_is_kept_and_marked(plan):
    old, new = plan(), plan(train=2)
    assert prints(old)["grown"] != prints(new)["grown"]
    done = set(prints(old).values())
    settled = settle(new, done.__contains__)
    assert prints(settled) == prints(old)
    found = decided(settled, Past(old, prints(old), done.__contains__), new)
    assert {one.action for one in found.values()} == {"keep"}
    assert found["grown"].note == "made by edition 1 of `train`, now 2; `--force` repeats it"
    assert found["words"].note == ""


def test_force_takes_the_new_edition_and_what_follows_goes_with_it(plan):
    old, new = plan(), plan(train=2)
    done = set(prints(old).values())
    settled = settle(new, done.__contains__, {"grown"})
    assert settled.step("grown").work.edition == 2
    found = decided(settled, Past(old, prints(old), done.__contains__), new, frozenset({"grown"}))
    assert (found["grown"].reason, found["grown"].because) == ("edition", "its code changed (edition 1 → 2)")
    assert (found["base"].reason, found["base"].because) == ("input", "its input `last` runs again")
    assert found["words"].action == "keep"


def test_without_finished_work_the_code_is_the_newest(plan):
    new = plan(train=2)
    assert settle(new, lambda _: False) == new


def test_what_a_stage_was_changed_to_is_told_field_by_field(plan):
    old, new = plan(), plan(SPEC.replace("lr = 3e-4 ~> 0 by end", "lr = 1e-4 ~> 0 by end"))
    found = differences(old.step("last"), new.step("last"))
    assert [(one.field, one.before, one.after) for one in found] == [("lr[0].first", "0.0003", "0.0001")]
    past = Past(old, prints(old), set(prints(old).values()).__contains__)
    assert decided(new, past)["last"].because.startswith("`lr` changed (")


def test_orphans_and_names(plan):
    old = plan()
    new = plan(
        SPEC.replace("train last", "train final")
        .replace("newborn, last]", "newborn, final]")
        .replace("model = last", "model = final")
    )
    past = Past(old, prints(old), set(prints(old).values()).__contains__)
    found = decided(new, past)
    assert (found["final"].action, found["final"].note) == ("keep", "renamed from last")
    assert "last" not in found
    gone = plan(SPEC.replace("release base { model = last }\n", ""))
    assert decided(gone, past)["base"].action == "orphan"


def test_missing_altered_and_forced(plan):
    one = plan()
    all_there = set(prints(one).values())
    past = Past(one, prints(one), (all_there - {prints(one)["last"]}).__contains__)
    assert decided(one, past)["last"].because == "its artifact is missing"
    spoilt = Past(one, prints(one), all_there.__contains__, prints(one)["words"].__eq__)
    assert decided(one, spoilt)["words"].because == "its artifact was altered"
    forced = decided(one, Past(one, prints(one), all_there.__contains__), force=frozenset({"grown"}))
    assert (forced["grown"].action, forced["grown"].because) == ("again", "forced")


@pytest.mark.parametrize(
    ("run", "serial", "present", "said"),
    [
        ("a", 3, True, []),
        ("a", 4, True, ["went on since"]),
        ("b", 3, True, ["was another one"]),
        (None, None, True, ["was another one"]),
        ("a", 3, False, ["`words` was done when the plan was made"]),
    ],
)
def test_a_saved_plan_knows_when_the_world_has_moved(plan, run, serial, present: bool, said: list[str]):
    made = plan()
    kept = (prints(made)["words"],)
    saved = made.model_copy(update={"world": World(run="a", serial=3, kept=kept)})
    found = stale(saved, run, serial, lambda _: present)
    assert len(found) == len(said)
    assert all(part in whole for part, whole in zip(said, found, strict=True))
