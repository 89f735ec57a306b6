"""Training speed and memory on the CPU, beside Hugging Face's Trainer, a bare loop over its Llama, and litgpt's model.

    python bench/train.py [--quick]        needs the extra `bench`; litgpt is measured where it can be imported

Six layers of width 384, a vocabulary of 8k, sequences of 512; one thread, CPU time, modes in turn in one
process; peak memory in a fresh process per mode.  What is printed is also written to `bench/results/`.
"""
# ruff: noqa: E402

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")

import torch

from lehr.compiler.plan.model import AdamW, Arch, Checkpoint, Origin, Phase, Segment, Step, TrainWork
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.stages.loop import Loop
from lehr.runtime.stages.means import Means
from lehr.runtime.store.background import BackgroundCheckpoints
from lehr.runtime.store.checkpoints import CheckpointFolder

RESULTS = Path(__file__).parent / "results"
WIDTH, LAYERS, HEADS, FFN, VOCAB, CONTEXT, ROWS = 384, 6, 6, 1024, 8192, 512, 8
FLAGS = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
HAS_BF16 = "avx512_bf16" in FLAGS
LR = 3e-4

Advance = Callable[[int], list[float]]
"""Takes so many steps and gives the CPU seconds of each."""


def tokens(context: int, rows: int) -> torch.Tensor:
    return torch.randint(0, VOCAB, (rows, context + 1), generator=torch.Generator().manual_seed(1))


# ---- ours ------------------------------------------------------------------------------


class Feed:
    """One batch again and again."""

    def __init__(self, context: int, rows: int, document: int | None = None) -> None:
        ids = tokens(context, rows)
        where = torch.arange(context).div(document or context, rounding_mode="floor").expand(rows, context)
        labels = ids[:, 1:].clone()
        if document:
            labels[:, document - 1 :: document] = -100
        self.one = Batch(ids[:, :-1].contiguous(), labels, where.contiguous())

    def batch(self, step: int) -> Batch:
        return self.one

    def state(self) -> dict[str, Any]:
        return {}


class Room:
    """A room without walls: nothing is told, nobody asks to stop."""

    def __init__(self, folder: Path, compile: bool) -> None:
        self.folder, self.means, self.stopping = folder, Means(compile=compile), False
        self.checkpoints = BackgroundCheckpoints(CheckpointFolder(folder / "states", 1, print))

    def say(self, event: str, **facts: Any) -> None:
        pass

    def gate(self, done: int, model: Any, save: Any) -> None:
        pass


def ours(
    compute: str = "fp32",
    compile: bool = False,
    context: int = CONTEXT,
    rows: int = ROWS,
    document: int | None = None,
    every: int = 1 << 30,
) -> Loop:
    arch = Arch(
        layers=LAYERS,
        width=WIDTH,
        heads=HEADS,
        kv_heads=HEADS,
        head_dim=WIDTH // HEADS,
        ffn=FFN,
        vocab=VOCAB,
        rope=1e4,
        tied=False,
        norm_eps=1e-6,
    )
    model = Decoder(arch)
    initialise(model, 0.02, 1)
    phase = Phase(steps=1 << 30, context=context, sequences=rows, rope=1e4, shares={})
    work = TrainWork(
        phases=(phase,),
        lr=(Segment(start=0, end=1 << 30, first=LR, last=LR),),
        optimizer=AdamW(betas=(0.9, 0.999), eps=1e-8, decay=0.0, clip=1.0),
        average=None,
        compute=compute,  # type: ignore[arg-type]
        rng=1,
        earlier=0,
    )
    step = Step(
        address="bench",
        fingerprint="0" * 64,
        inputs={},
        work=work,
        checkpoint=Checkpoint(every=every, keep=1),
        origin=Origin(path="", line=1, column=1),
    )
    room = Room(Path(tempfile.mkdtemp()), compile)
    return Loop(step, work, model, Feed(context, rows, document), room, next_token)  # type: ignore[arg-type]


def advance_ours(loop: Loop) -> Advance:
    phase = loop.work.phases[0]

    def advance(steps: int) -> list[float]:
        spent = []
        for _ in range(steps):
            began = time.process_time()
            loop._advance(phase)
            loop._rest()
            spent.append(time.process_time() - began)
        return spent

    return advance


# ---- theirs ----------------------------------------------------------------------------


def llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        intermediate_size=FFN,
        vocab_size=VOCAB,
        max_position_embeddings=4096,
        use_cache=False,
        tie_word_embeddings=False,
        attn_implementation="sdpa",
    )
    torch.manual_seed(1)
    return LlamaForCausalLM(config)


def trainer(bf16: bool) -> Advance:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    spent: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            spent.append(time.process_time() - self.began)

    model, ids = llama(), tokens(CONTEXT - 1, ROWS * 64)
    rows = [{"input_ids": row, "labels": row} for row in ids]

    def advance(steps: int) -> list[float]:
        spent.clear()
        arguments = TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            max_steps=steps + 1,
            per_device_train_batch_size=ROWS,
            learning_rate=LR,
            bf16=bf16,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        one = Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Clock()])  # type: ignore[arg-type]
        one.train()
        return spent[1:]

    return advance


def bare(model: Any, loss_of: Callable[[], torch.Tensor]) -> Advance:
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.0, fused=True)

    def advance(steps: int) -> list[float]:
        spent = []
        for _ in range(steps):
            began = time.process_time()
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            loss.item()
            spent.append(time.process_time() - began)
        return spent

    return advance


def bare_llama(context: int = CONTEXT, rows: int = ROWS, document: int | None = None) -> Advance:
    model, ids = llama(), tokens(context - 1, rows)
    given: dict[str, Any] = {"input_ids": ids, "labels": ids}
    if (
        document
    ):  # Hugging Face's way to keep packed documents apart: a dense mask, and positions that begin anew
        where = torch.arange(context).div(document, rounding_mode="floor")
        sees = (where[:, None] == where[None, :]).tril()
        given["attention_mask"] = sees.expand(rows, 1, context, context)
        given["position_ids"] = (torch.arange(context) % document).expand(rows, context)
    return bare(model, lambda: model(**given).loss)


def litgpt() -> Advance:
    from litgpt.config import Config
    from litgpt.model import GPT

    config = Config(
        n_layer=LAYERS,
        n_head=HEADS,
        n_embd=WIDTH,
        n_query_groups=HEADS,
        block_size=CONTEXT,
        vocab_size=VOCAB,
        padded_vocab_size=VOCAB,
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
        intermediate_size=FFN,
    )
    torch.manual_seed(1)
    model, ids = GPT(config), tokens(CONTEXT, ROWS)

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    return bare(model, loss)


MODES: dict[str, Callable[[], Advance]] = {
    "trainer": lambda: trainer(bf16=False),
    "trainer-bf16": lambda: trainer(bf16=True),
    "bare": bare_llama,
    "litgpt": litgpt,
    "lehr": lambda: advance_ours(ours()),
    "lehr-bf16": lambda: advance_ours(ours("bf16")),
    "lehr-bf16-compiled": lambda: advance_ours(ours("bf16", compile=True)),
}
PACKED = {"packed at 512": (512, 8), "packed at 4096": (4096, 1)}
DOCUMENT = 256


# ---- measuring -------------------------------------------------------------------------


def in_turn(ways: dict[str, Advance], turns: int, steps: int) -> dict[str, float]:
    """The median CPU seconds of a step, by mode; the first turn warms up."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, advance in ways.items():
            spent[name] += advance(steps) if turn else advance(1)[:0]
            gc.collect()
    return {name: statistics.median(some) for name, some in spent.items()}


def peak(mode: str) -> None:
    """What a mode needs at most, in a process of its own, above what it needs before there is a model."""
    if mode.startswith("trainer"):
        from transformers import Trainer  # noqa: F401
    elif mode == "bare":
        from transformers import LlamaForCausalLM  # noqa: F401
    torch.randn(64, 64) @ torch.randn(64, 64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    MODES[mode]()(2)
    print(json.dumps([before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))


def peaks(modes: list[str]) -> dict[str, int]:
    found = {}
    for mode in modes:
        out = subprocess.run([sys.executable, __file__, "--peak", mode], capture_output=True, text=True)
        if out.returncode:
            print(f"  {mode}: {out.stderr.strip().splitlines()[-1]}")
            continue
        before, after = json.loads(out.stdout.strip().splitlines()[-1])
        found[mode] = (after - before) // 1024
    return found


def overhead(steps: int) -> float:
    """The share of a step that is neither forward, backward, clipping nor the optimizer."""
    loop, inside = ours(), [0.0]

    def timed(call: Callable[..., Any]) -> Callable[..., Any]:
        def way(*arguments: Any) -> Any:
            began = time.process_time()
            try:
                return call(*arguments)
            finally:
                inside[0] += time.process_time() - began

        return way

    loop.passes._sum = timed(loop.passes._sum)  # forward
    backward = torch.Tensor.backward
    torch.Tensor.backward = timed(backward)  # type: ignore[method-assign]
    loop.optimizer.step = timed(loop.optimizer.step)  # type: ignore[method-assign]
    loop._clip = timed(loop._clip)  # type: ignore[method-assign]
    advance = advance_ours(loop)
    advance(2)
    inside[0] = 0.0
    whole = sum(advance(steps))
    torch.Tensor.backward = backward  # type: ignore[method-assign]
    return 1 - inside[0] / whole


def stall(saves: int) -> tuple[float, float]:
    """Wall seconds of a step, and those by which a checkpoint delays training: its copy, and what its thread takes."""
    loop = ours()
    phase = loop.work.phases[0]

    def wall(steps: int) -> list[float]:
        spent = []
        for _ in range(steps):
            began = time.perf_counter()
            loop._advance(phase)
            loop._rest()
            spent.append(time.perf_counter() - began)
        return spent

    wall(2)
    plain, delayed = list[float](), list[float]()
    for _ in range(saves):
        plain += wall(4)
        began = time.perf_counter()
        loop._save()
        wall(4)
        loop._settle(wait=True)
        delayed.append(time.perf_counter() - began)
    step = statistics.median(plain)
    return step, statistics.median(delayed) - 4 * step


SPEC = """lehr 1
pipeline start {{}}
corpus skills {{ source = builtin("skills") }}
tokenizer words {{ from = [skills];  vocab = 384;  sample = 200kB }}
arch small {{ layers = 1;  width = 32;  heads = 2;  kv_heads = 1;  ffn = 64;  vocab = words.vocab;  tied = true }}
init newborn {{ arch = small;  tokenizer = words;  std = 0.06 }}
train grown {{
  from = newborn;  data = skills;  steps = 1;  context = 32 context;  batch = 256 tokens;  lr = 1e-3;  rng = {rng}
}}
release base {{ model = grown }}
"""


def start_up(times: int) -> float:
    """Wall seconds from `lehr run` to the end of the first optimizer step; what comes before it is in the store."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rng in range(times + 1):
            (folder / "start.lehr").write_text(SPEC.format(rng=rng))
            events = folder / "runs/start/full/events.jsonl"
            known = events.stat().st_size if events.exists() else 0
            began = time.time()
            subprocess.run(
                [sys.executable, "-m", "lehr.cli", "run", "start.lehr"],
                cwd=folder,
                check=True,
                capture_output=True,
            )
            from datetime import datetime

            for line in events.read_bytes()[known:].splitlines():
                event = json.loads(line)
                if (event["step"], event["event"]) == ("grown", "progress") and rng:
                    found.append(datetime.fromisoformat(event["time"]).timestamp() - began)
    return statistics.median(found)


# ---- telling ---------------------------------------------------------------------------


class Report:
    """Lines as they come, and all of them in a file."""

    def __init__(self) -> None:
        model = next((line.split(":")[1].strip() for line in FLAGS.splitlines() if "model name" in line), "")
        import transformers

        self.about = {
            "cpu": model or platform.processor(),
            "avx512_bf16": HAS_BF16,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        self.rows: list[dict[str, Any]] = []
        print("  ".join(f"{name} {value}" for name, value in self.about.items()))

    def ratio(self, what: str, value: float, target: float | None, most: bool = False) -> None:
        """A ratio beside its target: at least that, or at most."""
        holds = None if target is None else (value <= target if most else value >= target)
        self.rows.append(
            {"what": what, "value": round(value, 4), "target": target, "at_most": most, "holds": holds}
        )
        told = "" if target is None else f"   {'<=' if most else '>='} {target:g} {'yes' if holds else 'NO'}"
        print(f"  {what:58} {value:8.3f}{told}", flush=True)

    def write(self, quick: bool) -> None:
        RESULTS.mkdir(exist_ok=True)
        name = "train-quick" if quick else "train"
        document = {"about": self.about, "rows": self.rows}
        (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
        lines = ["| | value | target | holds |", "|---|--:|--:|---|"]
        for row in self.rows:
            sign, target = "≤" if row["at_most"] else "≥", row["target"]
            held = {None: "", True: "yes", False: "no"}[row["holds"]]
            lines.append(
                f"| {row['what']} | {row['value']:g} | {'' if target is None else f'{sign} {target:g}'} | {held} |"
            )
        told = ", ".join(f"{key} {value}" for key, value in self.about.items())
        (RESULTS / f"{name}.md").write_text(f"`bench/train.py`: {told}\n\n" + "\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: to see that it works")
    parser.add_argument("--peak", choices=list(MODES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        peak(options.peak)
        return
    report, turns = Report(), 1 if options.quick else 4
    modes = [name for name in MODES if name != "litgpt" or find_spec("lightning")]
    speeds(report, modes, turns)
    packed(report, turns)
    report.ratio("loop beside forward, backward, clip, optimizer", overhead(4 * turns), 0.03, most=True)
    step, delay = stall(turns)
    report.ratio("a checkpoint's delay, in steps", delay / step, 1.0, most=True)
    report.ratio("lehr run to the first step, seconds", start_up(1 if options.quick else 3), 6.0, most=True)
    memory(report, modes)
    report.write(options.quick)


def speeds(report: Report, modes: list[str], turns: int) -> None:
    print(f"\ntokens a CPU second, {ROWS} x {CONTEXT} tokens a step")
    spent = in_turn({name: MODES[name]() for name in modes}, turns, 2)
    for name, seconds in spent.items():
        report.ratio(f"{name}, tokens/s", ROWS * CONTEXT / seconds, None)
    both, best = spent["trainer"], spent["lehr-bf16-compiled"]
    report.ratio("lehr / Trainer, fp32", both / spent["lehr"], 1.08)
    report.ratio("lehr bf16 compiled / Trainer fp32", both / best, 2.8 if HAS_BF16 else None)
    report.ratio("lehr bf16 compiled / Trainer bf16", spent["trainer-bf16"] / best, 1.7 if HAS_BF16 else None)
    for peer in ("bare", "litgpt"):
        if peer in spent:
            report.ratio(f"lehr / {peer}, fp32", spent[peer] / spent["lehr"], None)


def packed(report: Report, turns: int) -> None:
    for (name, (context, rows)), target in zip(PACKED.items(), (1.2, 2.0), strict=True):
        ways = {
            "dense": bare_llama(context, rows, DOCUMENT),
            "ours": advance_ours(ours(context=context, rows=rows, document=DOCUMENT)),
        }
        spent = in_turn(ways, turns, 2)
        report.ratio(f"{name}, documents of {DOCUMENT} / dense mask", spent["dense"] / spent["ours"], target)


def memory(report: Report, modes: list[str]) -> None:
    print("\npeak memory above the imports, a process each")
    found = peaks(modes)
    for name, size in found.items():
        report.ratio(f"{name}, MiB", size, None)
    for mode, peer in (
        ("lehr", "trainer"),
        ("lehr-bf16-compiled", "trainer"),
        ("lehr-bf16-compiled", "trainer-bf16"),
    ):
        if mode in found and peer in found:
            target = 0.65 if (mode, peer) != ("lehr-bf16-compiled", "trainer-bf16") else None
            report.ratio(f"peak memory, {mode} / {peer}", found[mode] / found[peer], target, most=True)


if __name__ == "__main__":
    main()
