"""A plan of three errands whose stages take no time, and children that die on the way.

`text` writes a file, `words` reads it and counts, `out` releases the count.
"""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from fractions import Fraction
from hashlib import sha256
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lehr.compiler.plan.model import (
    AnyWork,
    Builtin,
    CorpusWork,
    Origin,
    Plan,
    ReleaseWork,
    Step,
    TokenizerWork,
)
from lehr.runtime.engine import walk
from lehr.runtime.errors import LehrError
from lehr.runtime.stages.editions import EDITIONS
from lehr.runtime.stages.registry import Runner
from lehr.runtime.stages.room import Facts, Room

RUN = "runs/errands"
ORIGIN = Origin(path="errands.lehr", line=1, column=1)


def step(address: str, work: AnyWork, **inputs: str) -> Step:
    work = work.model_copy(update={"edition": EDITIONS.get(work.kind, 1)})
    fingerprint = sha256(f"{address} {work.model_dump_json()} {inputs}".encode()).hexdigest()
    return Step(address=address, fingerprint=fingerprint, inputs=inputs, work=work, origin=ORIGIN)


TEXT = step("text", CorpusWork(source=Builtin(name="prose", library="3", wrong=Fraction(0), rng=1)))
WORDS = step(
    "words",
    TokenizerWork(
        file=None, vocab=300, specials=(), begin="<|begin|>", end="<|end|>", split_digits=True, sample=9
    ),
    corpus="text",
)
OUT = step("out", ReleaseWork(format="safetensors"), model="words")


def plan(*steps: Step) -> Plan:
    whole = steps or (TEXT, WORDS, OUT)
    return Plan(lehr="0", pipeline="errands", profile="full", run=RUN, store="runs/artifacts", steps=whole)


PLAN = plan()


def write(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    (room.folder / "text.txt").write_text("some words and some more words\n" * 20)
    return {"lines": 20}


def count(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    words = (inputs["corpus"] / "text.txt").read_text().split()
    room.say("progress", step=1, of=2)
    (room.folder / "deep").mkdir()
    (room.folder / "deep" / "count.txt").write_text(f"{len(words)}\n")
    return {"words": len(words)}


def release(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    (room.folder / "count.txt").write_bytes((inputs["model"] / "deep" / "count.txt").read_bytes())
    return {}


STAGES: dict[str, Runner] = {"corpus": write, "tokenizer": count, "release": release}


def without_torch(patch: pytest.MonkeyPatch, **stages: Runner) -> None:
    """Let the errands be the stages, or others in their place; none needs the real torch."""
    torch: Any = ModuleType("torch")
    torch.__spec__ = ModuleSpec("torch", None)
    torch.set_num_threads = torch.use_deterministic_algorithms = lambda _: None
    patch.setitem(sys.modules, "torch", torch)
    patch.setattr(walk, "runner", lambda kind: {**STAGES, **stages}[kind])


def forked(deed: Callable[[], object], **environment: str) -> int:
    """Do something in a child; returns its exit code, negative where a signal ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        os.environ.update(environment)
        deed()
        code = 0
    except LehrError as error:
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def files(root: Path) -> dict[str, bytes]:
    """Everything that stands in the store and in the release: what two runs must agree in."""
    folders = (root / "runs/artifacts", root / RUN / "release")
    whole = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    found = (path for path in whole if not any(part.startswith(".") for part in path.relative_to(root).parts))
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def states(root: Path) -> dict[str, str]:
    """What the ledger says of each step."""
    ledger = walk.read(root / RUN)
    return {name: entry.state for name, entry in ledger.entries.items()} if ledger else {}
