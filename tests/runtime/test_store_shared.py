"""One store for several runs: what two need is made once, whoever dies on the way."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from errands import PLAN, STAGES, WORDS, forked, without_torch
from pipelines import command

from lehr.compiler.plan.model import Plan
from lehr.runtime.engine import walk
from lehr.runtime.engine.events import Event, tail
from lehr.runtime.errors import Interrupted
from lehr.runtime.store.artifact import Store

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

OTHER = PLAN.model_copy(update={"run": "runs/other"})


def start(deed: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        os._exit(forked(deed))
    return child


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def started(folder: Path) -> list[str]:
    return [event.step for event in tail(folder) if event.event == "started"]


def because(folder: Path) -> dict[str, str]:
    return {event.step: event.facts["because"] for event in tail(folder) if event.event == "kept"}


@pytest.fixture
def slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`words` goes on once the file is there."""
    go = tmp_path / "go"

    def wait(*arguments: object) -> dict[str, int]:
        until(go.exists, 60)
        return STAGES["tokenizer"](*arguments)  # pyright: ignore[reportArgumentType]

    without_torch(monkeypatch, tokenizer=wait)
    return go


def run(plan: Plan, root: Path) -> Callable[[], object]:
    return lambda: walk.run(plan, root=root)


def test_the_second_run_waits_and_keeps_what_the_first_made(tmp_path: Path, slowly: Path):
    first = start(run(PLAN, tmp_path))
    until(lambda: "words" in started(tmp_path / "runs/errands"))
    second = start(run(OTHER, tmp_path))
    until(lambda: any(event.event == "waiting" for event in tail(tmp_path / "runs/other")))
    slowly.touch()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in (first, second)] == [0, 0]
    made = started(tmp_path / "runs/errands"), started(tmp_path / "runs/other")
    assert sorted([*made[0], *made[1]]) == ["out", "text", "words"]  # each once, whoever came first to `out`
    assert "words" in made[0]
    assert because(tmp_path / "runs/other")["words"] == "already in the store"
    told = [event for event in tail(tmp_path / "runs/other") if event.event == "waiting"]
    (waits,) = [event for event in told if event.step == "words"]  # it may meet the first one again at `out`
    assert waits.facts["for"].startswith("process ")
    assert list((tmp_path / "runs/artifacts/.locks").iterdir()) == []


def test_a_holder_that_is_killed_frees_what_it_made(tmp_path: Path, slowly: Path):
    first = start(run(PLAN, tmp_path))
    until(lambda: "words" in started(tmp_path / "runs/errands"))
    second = start(run(OTHER, tmp_path))
    until(lambda: any(event.event == "waiting" for event in tail(tmp_path / "runs/other")))
    os.kill(_child_of(first), signal.SIGKILL)
    os.waitpid(first, 0)
    slowly.touch()
    assert os.waitstatus_to_exitcode(os.waitpid(second, 0)[1]) == 0
    assert started(tmp_path / "runs/other") == ["words", "out"]


def _child_of(process: int) -> int:
    """`forked` runs its deed in a child of its own."""
    (child,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(child)


def test_who_waits_can_be_stopped(tmp_path: Path, slowly: Path):
    store = Store(tmp_path / "runs/artifacts")

    def said(event: Event) -> None:
        if event.event == "waiting":
            os.kill(os.getpid(), signal.SIGINT)

    stopped = pytest.raises(Interrupted, match="stopped before `words`")
    with store.alone(WORDS.fingerprint, lambda holder: None), stopped:
        walk.run(PLAN, said, tmp_path)
    slowly.touch()
    walk.run(PLAN, root=tmp_path)


def test_many_that_want_one_thing_hold_it_one_after_the_other(tmp_path: Path):
    store, log = Store(tmp_path / "artifacts"), tmp_path / "log"

    def often() -> None:
        for _ in range(15):
            with store.alone("a" * 64, lambda holder: None), log.open("a", buffering=1) as file:
                file.write(f"in {os.getpid()}\n")
                file.write(f"out {os.getpid()}\n")

    children = [start(often) for _ in range(4)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    lines = log.read_text().splitlines()
    assert len(lines) == 2 * 15 * 4
    pairs = zip(lines[::2], lines[1::2], strict=True)
    assert all(one.replace("in", "out") == other for one, other in pairs)


SHARED = """\
lehr 1
pipeline {name} {{ rng = 7 }}
corpus gold {{ source = builtin("skills") }}
tokenizer words {{ from = [gold];  vocab = 300;  sample = 50kB }}
arch small {{ layers = 1;  width = 32;  heads = 2;  kv_heads = 1;  ffn = 64;  vocab = words.vocab;  tied = true }}
init newborn {{ arch = small;  tokenizer = words }}
release base {{ model = newborn }}
"""


def test_two_specs_that_share_stages_make_them_once(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[tool.lehr]\nstore = "kept/artifacts"\n')
    for name in ("one", "two"):
        (tmp_path / f"{name}.lehr").write_text(SHARED.format(name=name))
    both = [
        command(tmp_path, "run", f"{name}.lehr", LEHR_FAULT="manifest=sleep:1") for name in ("one", "two")
    ]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    done = [step for name in ("one", "two") for step in started(tmp_path / f"runs/{name}/full")]
    # The releases are equal, and so made once too.
    assert sorted(done) == ["base", "gold", "newborn", "words"]
    assert "makes it now" in "".join(told)
    assert not (tmp_path / "runs/artifacts").exists()
    assert len([path for path in (tmp_path / "kept/artifacts").iterdir() if path.name[0] != "."]) == 4
