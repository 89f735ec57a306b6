"""Workers read ahead and change nothing: not with three, not after a resume, not when one dies or hangs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feeds import GLIDING, SETS, told

from lehr.compiler import compile as compile_spec
from lehr.runtime.engine.walk import run
from lehr.runtime.parts.data import crew, tokens
from lehr.runtime.parts.data.feed import Feed
from lehr.runtime.parts.data.tokens import TokenSet
from lehr.runtime.stages.editions import EDITIONS

STEPS = range(GLIDING.steps)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenSet]:
    """The feed's corpora as they lie in a store."""
    root, found = tmp_path_factory.mktemp("sets"), {}
    for name, held in SETS.items():
        (root / name).mkdir()
        for part in ("train", "heldout"):
            tokens.write(root / name / f"{part}.safetensors", getattr(held, part))
        found[name] = TokenSet.open(root / name)
    return found


@pytest.fixture(scope="module")
def expected(sets: dict[str, TokenSet]) -> list[Any]:
    feed = Feed(GLIDING, sets)
    return [(told(feed.batch(step)), feed.state(), feed.drawn()) for step in STEPS]


@pytest.fixture
def feed(sets: dict[str, TokenSet], request: pytest.FixtureRequest) -> Iterator[Feed]:
    said: list[dict[str, Any]] = []
    with Feed(GLIDING, sets, getattr(request, "param", 1), lambda event, **facts: said.append(facts)) as made:
        made.said = said  # pyright: ignore[reportAttributeAccessIssue]
        yield made


def rest(feed: Feed, first: int = 0) -> list[Any]:
    return [(told(feed.batch(step)), feed.state(), feed.drawn()) for step in STEPS if step >= first]


def pids(feed: Feed) -> list[int]:
    assert feed._crew
    return [process.pid or 0 for process, _ in feed._crew._crew]


@pytest.mark.parametrize("feed", [1, 3], indirect=True)
def test_batches_and_states_are_the_same_with_workers(feed: Feed, expected: list[Any]) -> None:
    assert rest(feed) == expected
    assert feed.said == []  # pyright: ignore[reportAttributeAccessIssue]


def test_a_feed_with_workers_goes_on_from_any_state(feed: Feed, expected: list[Any]) -> None:
    feed.batch(0)
    feed.load(expected[3][1])  # while batches of other steps are on their way
    assert rest(feed, 4) == expected[4:]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_hangs_is_noticed_and_the_order_stays(
    feed: Feed, expected: list[Any], monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    found = [(told(feed.batch(0)), feed.state(), feed.drawn())]
    (worker,) = pids(feed)
    monkeypatch.setattr(crew, "DEADLINE", 0.5)
    os.kill(worker, sent)
    began = time.monotonic()
    found += rest(feed, 1)
    assert time.monotonic() - began < 10
    assert found == expected
    (said,) = feed.said  # pyright: ignore[reportAttributeAccessIssue]
    how = "has died" if sent == signal.SIGKILL else "has not answered for 0.5 seconds"
    assert said == {"because": f"data worker {worker} {how}"}


def test_workers_let_an_interrupt_pass(feed: Feed, expected: list[Any]) -> None:
    found = [(told(feed.batch(0)), feed.state(), feed.drawn())]
    os.kill(pids(feed)[0], signal.SIGINT)
    assert found + rest(feed, 1) == expected
    assert feed.said == []  # pyright: ignore[reportAttributeAccessIssue]


def test_closing_a_feed_ends_its_workers(feed: Feed) -> None:
    feed.batch(0)
    (worker,) = pids(feed)
    feed.close()
    assert not Path(f"/proc/{worker}").exists()


ORPHANS = """
import sys
from pathlib import Path
from feeds import GLIDING
from lehr.runtime.parts.data.feed import Feed
from lehr.runtime.parts.data.tokens import TokenSet
if __name__ == "__main__":
    feed = Feed(GLIDING, {name: TokenSet.open(Path(sys.argv[1], name)) for name in "ab"}, workers=1)
    feed.batch(0)
    print(feed._crew._crew[0][0].pid, flush=True)
    sys.stdin.read()
"""


def test_no_worker_outlives_a_run_that_was_killed(sets: dict[str, TokenSet], tmp_path: Path) -> None:
    folder = sets["a"].folder
    assert folder
    (tmp_path / "orphans.py").write_text(ORPHANS)
    run = subprocess.Popen(
        [sys.executable, str(tmp_path / "orphans.py"), str(folder.parent)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    worker = int(run.stdout.readline())
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 10
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


SPEC = """\
lehr 1
pipeline tiny { rng = 7 }
corpus one   { source = synthetic(seed: 1);  tokens = 5k }
corpus other { source = synthetic(seed: 2);  tokens = 5k }
tokenizer words { from = [one];  vocab = 300 }
arch small { layers = 1;  width = 16;  heads = 2;  ffn = 32;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
mix both { one = 70% ~> 20% by end;  other = rest }
train grown {
  from = newborn;  data = one -> both at 50%;  steps = 8;  batch = 64 tokens;  lr = 1e-3
  context = 16 context -> 32 context at 70%
}
"""


def test_a_stage_comes_to_the_same_files_with_workers(tmp_path: Path) -> None:
    (tmp_path / "tiny.lehr").write_text(SPEC)
    plan, _ = compile_spec(str(tmp_path / "tiny.lehr"), editions=EDITIONS)
    assert plan
    run(plan, root=tmp_path)
    said: list[str] = []
    run(plan, lambda event: said.append(event.event), tmp_path, force={"grown"}, workers=2)
    assert "done" in said  # another file would have been refused, by RUN112
    assert "workers_lost" not in said
