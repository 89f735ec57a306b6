"""The data stages beside their peers on a CPU: filters, near copies, tokenizing, and what they hold in memory.

    python bench/data.py [--peers PYTHON] [--quick]

Ratios of CPU time on one thread, ours and theirs in turn, on the Python library's prose.  The peers run in an
environment of their own, whose Python is named with `--peers`: `pip install "datatrove==0.10.1" "spacy>=3.8,<3.9"
"datasketch==2.0.0" regex`.  Without it their ratios are left out.  What is printed is kept in
`bench/results/data-cpu.md`; `--quick` measures once and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from training.report import Report

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.model import Origin, Step, TokenizeWork
from lehr.runtime.parts.curate import heuristics, minhash, verdicts
from lehr.runtime.parts.curate.filter import Given, Page
from lehr.runtime.parts.curate.shards import Slice, sift, slices
from lehr.runtime.parts.data import vocabulary
from lehr.runtime.parts.data.builtin import builtin
from lehr.runtime.parts.data.tables import records
from lehr.runtime.stages import tokenize

RESULTS = Path(__file__).parent / "results" / "data-cpu.md"
SETTINGS = minhash.Minhash(shingle=5, bands=14, rows=8)
SPEC = """\
lehr 1
pipeline bench { }
corpus web { tokens = 1M }
curate clean { of = web;  heuristics { rules = [gopher] };  dedup { by = exact() } }
tokenizer words { from = [clean];  vocab = 1024 }
arch small { layers = 1;  width = 16;  heads = 2;  ffn = 32;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
train grown { from = newborn;  data = clean;  steps = 1;  batch = 128 tokens;  context = 64 context;  lr = 1e-3 }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="The data stages beside their peers, in ratios.")
    parser.add_argument("--peers", help="the Python of the peers' environment")
    parser.add_argument("--quick", action="store_true", help="measure once, to see that it works")
    parser.add_argument(
        "--large", type=int, default=1000, help="MB of the larger corpus whose memory is measured"
    )
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(peak(options.peak[0], Path(options.peak[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(
            Path(folder), options.peers, 1 if options.quick else 3, 20 if options.quick else options.large
        )


def measure(folder: Path, peers: str | None, turns: int, large: int) -> None:
    report = Report()
    texts = [
        document.text
        for document in builtin("prose", wrong=Fraction(0), rng=0).train
        if len(document.text) > 400
    ]
    (folder / "texts.json").write_text(json.dumps(texts))
    size = sum(len(text.encode()) for text in texts)
    report.note(f"{len(texts):,} documents, {size / 1e6:.2f} MB")
    ours = {"gopher": lambda: gopher(texts), "minhash": lambda: signed(texts, folder)}
    spent: dict[str, list[float]] = {}
    for way in ours.values():  # what is done once is done before, by ours and by the peers
        way()
    for _ in range(turns):
        for name, way in ours.items():
            spent.setdefault(name, []).append(clocked(way))
        for name, seconds in theirs(peers, folder).items():
            spent.setdefault(name, []).append(seconds)
    told = {name: statistics.median(some) for name, some in spent.items()}
    report.title("Documents a CPU second")
    for name, seconds in told.items():
        report.tell(name, len(texts) / seconds)
    report.title("Beside the peers")
    for what, own, peer, least in (
        ("Gopher's filters / datatrove's", "gopher", "datatrove gopher", 5),
        ("near copies, words included / datatrove's signatures", "minhash", "datatrove minhash", 100),
        ("near copies, words included / datasketch", "minhash", "datasketch", 5),
    ):
        if peer in told:
            report.tell(what, told[peer] / told[own], least=least)
    tokenizing(report, texts, folder, turns)
    memory(report, texts, folder, large)
    if turns > 1:
        report.write(RESULTS, title="Data stages on a CPU")


def clocked(way: Callable[[], Any]) -> float:
    began = time.process_time()
    way()
    return time.process_time() - began


def theirs(python: str | None, folder: Path) -> dict[str, float]:
    """Seconds by peer, measured by themselves without their start."""
    if python is None:
        return {}
    command = [python, str(Path(__file__).with_name("data_peers.py")), str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    return json.loads(ran.stdout.strip().splitlines()[-1])


# ---- ours --------------------------------------------------------------------------------------


def settings(kind: str) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".lehr") as spec:
        spec.write(SPEC)
        spec.flush()
        plan, letters = compile_spec(spec.name)
    assert plan, letters
    (work,) = (step.work for step in plan.steps if step.work.kind == "curate")
    return next(dict(one.settings) for one in work.filters if one.kind == kind)


def given(kind: str, **more: Any) -> Given:
    return Given(settings=settings(kind), shard=0, of=1, inputs={}, files={}, root=Path(), rng=0, **more)


def gopher(texts: list[str]) -> int:
    pages = (Page(str(at), text, {}) for at, text in enumerate(texts))
    return sum(1 for _ in heuristics.keep(pages, GIVEN))


GIVEN = given("heuristics")


def signed(texts: list[str], folder: Path) -> None:
    """What a shard does for near copies: words, shingles, signatures, bands, written and sorted."""
    out = folder / "signed"
    out.mkdir(exist_ok=True)
    minhash.count(texts, 0, out, SETTINGS)
    verdicts.write_ids(out, [str(at) for at in range(len(texts))])


def tokenizing(report: Report, texts: list[str], folder: Path, turns: int) -> None:
    """The stage beside the library alone: both encode, the stage also reads a corpus and writes its shards."""
    marks = "<|begin|>", "<|end|>"
    learnt = vocabulary.train(texts[:500], vocab=1024, specials=marks, split_digits=True)
    words = vocabulary.Vocabulary.of(learnt, *marks)
    inputs = {"corpus": folder / "corpus", "tokenizer": folder / "words"}
    for path in (*inputs.values(), folder / "tokens"):
        path.mkdir()
    words.save(inputs["tokenizer"])
    with records(inputs["corpus"] / "train.parquet") as keep:
        for at, text in enumerate(texts):
            keep(str(at), text, "")
    with records(inputs["corpus"] / "heldout.parquet"):
        pass
    origin = Origin(path="", line=1, column=1)
    step = Step(address="words(web)", fingerprint="0" * 64, inputs={}, work=TokenizeWork(), origin=origin)
    room: Any = SimpleNamespace(folder=folder / "tokens", stopping=False)

    def alone() -> None:
        for first in range(0, len(texts), 512):
            learnt.encode_batch_fast(texts[first : first + 512], add_special_tokens=False)

    pairs = [(clocked(alone), clocked(lambda: tokenize.run(step, inputs, room))) for _ in range(turns)]
    size = sum(len(text.encode()) for text in texts) / 1e6
    report.title("Tokenizing")
    report.tell("`tokenizers` alone, MB a CPU second", size / statistics.median(one for one, _ in pairs))
    report.tell(
        "the stage / `tokenizers` alone, time", statistics.median(two / one for one, two in pairs), most=1.1
    )


# ---- memory ------------------------------------------------------------------------------------


def memory(report: Report, texts: list[str], folder: Path, large: int) -> None:
    """Peak memory of a process that goes through every shard of a corpus, and of one that merges their counts."""
    for name, size in (("small", 10), ("large", large)):
        write(folder / name, texts, size)
    report.title("Memory")
    peaks = {name: run_peak("shards", folder / name) for name in ("small", "large")}
    report.tell("filters and marks over 10 MB, MiB at most", peaks["small"])
    report.tell(f"the same over {large:,} MB, MiB at most", peaks["large"])
    report.tell("the larger / the smaller", peaks["large"] / peaks["small"], most=1.1)
    count = 200_000
    for documents in (1000, count):
        run_peak(f"count-{documents}", folder)
    empty, full = (run_peak(f"merge-{documents}", folder) for documents in (1000, count))
    report.tell(
        f"merging {count:,} documents' bands, bytes a document", (full - empty) * 2**20 / count, most=200
    )


def write(folder: Path, texts: list[str], megabytes: int) -> None:
    folder.mkdir()
    size, number = 0, 0
    with records(folder / "train.parquet") as keep:
        while size < megabytes * 1e6:
            text = f"{number} {texts[number % len(texts)]}"
            keep(str(number), text, "")
            size, number = size + len(text.encode()), number + 1
    with records(folder / "heldout.parquet"):
        pass


def run_peak(what: str, folder: Path) -> float:
    ran = subprocess.run(
        [sys.executable, __file__, "--peak", what, str(folder)], capture_output=True, text=True
    )
    if ran.returncode:
        raise SystemExit(ran.stderr)
    return float(ran.stdout.strip().splitlines()[-1])


def peak(what: str, folder: Path) -> float:
    """MiB of this process at most."""
    if what.startswith("count-"):
        counted(int(what.removeprefix("count-")), folder)
    elif what == "shards":
        for number, source in enumerate(slices(folder)):
            one_shard(folder, source, number)
    else:
        merged(int(what.removeprefix("merge-")), folder)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def one_shard(folder: Path, source: Slice, number: int) -> None:
    """One shard through the filters, and its shingles counted."""
    out = folder / f"out-{number}"
    out.mkdir()
    sift(source, (("heuristics", "heuristics", GIVEN),), out)
    minhash.count((page.text for page in source.pages()), number, out, SETTINGS)
    for path in out.iterdir():
        path.unlink()


def counted(count: int, folder: Path) -> None:
    """Short documents, one in ten of them a near copy, counted in shards."""
    import numpy as np

    draw, many = np.random.default_rng(1), 10_000
    for shard in range(max(1, count // many)):
        out = folder / f"merge-{count}-{shard:03}"
        out.mkdir()
        rows = draw.integers(0, 1 << 20, (min(count, many), 12))
        rows[::10] = rows[1::10]
        minhash.count([" ".join(map(str, row)) for row in rows.tolist()], shard, out, SETTINGS)


def merged(count: int, folder: Path) -> None:
    assert sum(1 for _ in minhash.merge(sorted(folder.glob(f"merge-{count}-*")), SETTINGS)) >= count // 10


if __name__ == "__main__":
    main()
