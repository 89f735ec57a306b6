"""Walking a plan: what is kept, what runs and why, and what is refused."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from errands import OUT, PLAN, RUN, TEXT, WORDS, files, plan, states, step, without_torch, write

from lehr.compiler.plan.model import AnyWork, EvalWork, File, Harness, Plan, Step
from lehr.runtime.engine import failures, walk
from lehr.runtime.engine.events import Event
from lehr.runtime.errors import Refusal, StageError
from lehr.runtime.stages import registry
from lehr.runtime.stages.editions import EDITIONS
from lehr.runtime.stages.room import Facts, Room
from lehr.runtime.store.artifact import Store

Go = Callable[..., list[tuple[str, str, str | None]]]


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Run a plan; returns what was said as (step, event, because)."""
    without_torch(monkeypatch)

    def run(
        plan: Plan = PLAN, root: Path = tmp_path, **options: set[str]
    ) -> list[tuple[str, str, str | None]]:
        said: list[Event] = []
        walk.run(plan, said.append, root, **options)
        return [(event.step, event.event, event.facts.get("because")) for event in said]

    return run


def artifact(root: Path, step: Step) -> Path:
    return root / "runs/artifacts" / step.fingerprint


KEPT = [(step.address, "kept", "done") for step in PLAN.steps]


def test_steps_run_in_the_order_of_the_plan(go: Go, tmp_path: Path):
    assert go() == [
        ("text", "started", "not yet run"),
        ("text", "done", None),
        ("words", "started", "not yet run"),
        ("words", "progress", None),
        ("words", "done", None),
        ("out", "started", "not yet run"),
        ("out", "done", None),
    ]
    assert states(tmp_path) == {"text": "done", "words": "done", "out": "done"}
    assert (tmp_path / RUN / "release/out/count.txt").read_text() == "120\n"


def test_a_second_run_does_nothing(go: Go, tmp_path: Path):
    go()
    before = files(tmp_path)
    assert go() == KEPT
    assert files(tmp_path) == before


def test_a_run_with_nothing_to_do_does_not_load_torch(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    go()
    monkeypatch.delattr(sys.modules["torch"], "set_num_threads")
    assert go() == KEPT


def test_what_another_run_made_is_adopted(go: Go, tmp_path: Path):
    go()
    other = PLAN.model_copy(update={"run": "runs/other"})
    assert go(other) == [(step.address, "kept", "already in the store") for step in PLAN.steps]
    ledger = walk.read(tmp_path / "runs/other")
    assert ledger is not None
    assert ledger.entries["words"].facts == {"words": 120}
    assert (tmp_path / "runs/other/release/out/count.txt").read_text() == "120\n"


def test_a_missing_artifact_is_made_again(go: Go, tmp_path: Path):
    go()
    before = files(tmp_path)
    artifact(tmp_path, WORDS).rename(tmp_path / "elsewhere")
    assert ("words", "started", "artifact missing") in go()
    assert files(tmp_path) == before


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("deed", [flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_an_altered_artifact_is_named_set_aside_and_made_again(
    go: Go, tmp_path: Path, deed: Callable[[Path], None]
):
    go()
    before = files(tmp_path)
    deed(artifact(tmp_path, WORDS) / "deep/count.txt")
    said: list[Event] = []
    walk.run(PLAN, said.append, tmp_path)
    told = [event for event in said if event.step == "words"]
    assert told[0].event == "artifact_altered"
    assert told[0].facts["path"].endswith("/deep/count.txt")
    assert told[1].facts == {"because": "artifact altered"}
    (aside,) = (tmp_path / "runs/artifacts").glob(f"{WORDS.fingerprint}.altered-*")
    assert files(tmp_path).items() >= before.items()
    assert str(aside) in told[0].facts["path"]


def test_an_artifact_at_another_ones_address_is_not_taken_for_it(go: Go, tmp_path: Path):
    go()
    artifact(tmp_path, OUT).rename(tmp_path / "aside")
    artifact(tmp_path, WORDS).rename(artifact(tmp_path, OUT))
    assert {("words", "started", "artifact missing"), ("out", "started", "artifact altered")} <= set(go())


def test_a_release_that_someone_edited_is_put_right(go: Go, tmp_path: Path):
    go()
    before = files(tmp_path)
    (tmp_path / RUN / "release/out/count.txt").write_text("121\n")
    assert go() == KEPT
    assert files(tmp_path) == before


def test_a_forced_step_runs_again_alone(go: Go, tmp_path: Path):
    go()
    before = files(tmp_path)
    said = go(force={"words"})
    assert [(name, because) for name, event, because in said if event == "started"] == [("words", "forced")]
    assert files(tmp_path) == before


def test_a_forced_step_that_comes_out_differently_is_a_letter(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    go()
    before = files(tmp_path)

    def otherwise(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        (room.folder / "text.txt").write_text("other words\n")
        return {}

    without_torch(monkeypatch, corpus=otherwise)
    with pytest.raises(StageError) as failed:
        go(force={"text"})
    assert (failed.value.code, failed.value.step) == ("RUN112", "text")
    assert "text.txt" in failed.value.headline
    assert files(tmp_path) == before
    assert go() == [("text", "kept", "already in the store"), *KEPT[1:]]


# ---- what is refused before anything starts ------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "headline"),
    [
        (plan(WORDS), "`words` reads `text`, which is no step before it"),
        (plan(WORDS, TEXT), "`words` reads `text`, which is no step before it"),
        (plan(TEXT, TEXT), "the plan has two steps `text`"),
        (
            plan(OUT.model_copy(update={"inputs": {}, "address": "../../out"})),
            "`../../out` cannot be the name",
        ),
        (plan(OUT.model_copy(update={"inputs": {}, "address": ".."})), "`..` cannot be the name"),
    ],
)
def test_a_plan_that_does_not_hang_together_is_refused(go: Go, tmp_path: Path, wrong: Plan, headline: str):
    with pytest.raises(Refusal) as refused:
        go(wrong)
    assert refused.value.code == "RUN113"
    assert headline in refused.value.headline
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_step_cannot_be_forced(go: Go):
    with pytest.raises(Refusal, match="there is no step `wards` in the plan"):
        go(force={"wards"})


def test_a_kind_without_a_stage_is_refused_by_name(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(EDITIONS, "tokenizer")
    with pytest.raises(Refusal, match="does not run `tokenizer` yet") as refused:
        go()
    assert (refused.value.code, refused.value.step) == ("RUN103", "words")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_refused_by_name(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(walk, "NEEDED", ("torch", "no_such_module"))
    with pytest.raises(Refusal, match="running a plan needs no_such_module") as refused:
        go()
    assert (refused.value.code, refused.value.exit_code) == ("RUN105", 2)
    assert refused.value.help == ("install the extra: `pip install 'lehr[train]'`",)
    assert list(tmp_path.iterdir()) == []


def test_a_suite_whose_extra_is_missing_is_refused_by_name(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(failures, "find_spec", lambda name: None)
    tasks = Harness(task="t", folder=File(path="tasks", digest=""), shots=None, limit=None, context=64)
    work = EvalWork(benches={"t": tasks}, continuations=None, rng=0, edition=EDITIONS["eval"])
    with pytest.raises(Refusal, match="the suite `harness` needs lm_eval") as refused:
        go(plan(step("t(newborn)", work)))
    assert (refused.value.code, refused.value.step) == ("RUN105", "t(newborn)")
    assert refused.value.help == ("install the extra: `pip install 'lehr[harness]'`",)
    assert list(tmp_path.iterdir()) == []


def test_kinds_stages_and_works_agree():
    works = {work.model_fields["kind"].default for work in AnyWork.__origin__.__args__}
    assert set(EDITIONS) <= works
    assert all(callable(registry.runner(kind)) for kind in EDITIONS)
    folder = Path(registry.__file__).parent
    with_run = {path.stem for path in folder.glob("*.py") if "\ndef run(" in path.read_text()}
    assert with_run == set(EDITIONS)


def test_reading_loads_no_torch():
    program = (
        "import sys; from lehr.runtime.engine import ledger, status, walk; from lehr.runtime.store import artifact;"
        "assert walk.missing_extras() == [];"
        "assert not {'torch', 'safetensors', 'lark', 'networkx'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_room_that_no_one_holds_is_swept_and_one_in_use_is_not(go: Go, tmp_path: Path):
    store = Store(tmp_path / "runs/artifacts")
    with store.room() as mine:
        dead = store.root / ".lehr-tmp-dead"
        dead.mkdir()
        (dead / "half").write_text("half")
        go()
        assert (mine.is_dir(), dead.exists()) == (True, False)
    assert not mine.exists()


def test_a_stage_sees_the_inputs_of_its_step(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, Path] = {}

    def look(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        seen.update(inputs)
        return write(step, inputs, room)

    without_torch(monkeypatch, tokenizer=look)
    go(plan(TEXT, WORDS))
    assert seen == {"corpus": artifact(tmp_path, TEXT)}
