"""Steps of DPO on a CPU, ours beside TRL's trainer, on one model and the same pairs.

    python bench/post/dpo.py [--quick]        needs TRL beside the extra `train`

One thread, CPU time, in turn in one process; peak memory in a fresh process each.  Answers differ in length, as
people's do.  What is printed is kept in `bench/results/post-dpo-cpu.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch  # noqa: E402
from training import clocks, ours, theirs  # noqa: E402
from training.report import Report  # noqa: E402
from training.shape import LR, VOCAB, Advance  # noqa: E402

from lehr.compiler.plan.model import DpoWork, Phase, Segment, Share  # noqa: E402
from lehr.runtime.parts.model.decoder import Decoder  # noqa: E402
from lehr.runtime.parts.model.initial import initialise  # noqa: E402
from lehr.runtime.parts.preferences.batches import Answer, Example  # noqa: E402
from lehr.runtime.parts.preferences.feed import PairFeed  # noqa: E402
from lehr.runtime.parts.preferences.policy import HeldToReference, of_reference  # noqa: E402
from lehr.runtime.stages.loop import Loop  # noqa: E402
from lehr.runtime.stages.means import Means  # noqa: E402

RESULTS = Path(__file__).parents[1] / "results" / "post-dpo-cpu.md"
PAIRS, ROWS, PROMPT, ANSWER = 256, 4, 64, (16, 112)
_FOREVER = 1 << 16


def rows() -> list[dict[str, list[int]]]:
    """Pairs as ids: a prompt of one length, answers of many."""
    draw = Random(1)

    def ids(size: int) -> list[int]:
        return [draw.randrange(VOCAB) for _ in range(size)]

    return [
        {
            "prompt_ids": ids(PROMPT),
            "chosen_ids": ids(draw.randint(*ANSWER)),
            "rejected_ids": ids(draw.randint(*ANSWER)),
        }
        for _ in range(PAIRS)
    ]


def example(row: dict[str, list[int]], number: int) -> Example:
    both = [torch.tensor(row["prompt_ids"] + row[name]) for name in ("chosen_ids", "rejected_ids")]
    learnt = [torch.arange(len(ids)) >= PROMPT for ids in both]
    return Example(
        str(number), tuple(Answer(ids, mask, mask) for ids, mask in zip(both, learnt, strict=True))
    )


def stage() -> Loop:
    """A stage before its first step, after its reference has spoken."""
    shares = {"pairs": Share(first=Fraction(1), last=Fraction(1))}
    phase = Phase(steps=_FOREVER, context=512, sequences=ROWS, rope=1e4, shares=shares)
    work = DpoWork(
        phases=(phase,),
        lr=(Segment(start=0, end=_FOREVER, first=LR, last=LR),),
        optimizer=ours._ADAMW,
        average=None,
        rng=1,
        earlier=0,
        loss="dpo",
        beta=0.1,
        length="sum",
        nll=0.0,
        mask=(),
        template=None,
    )
    model = Decoder(ours._ARCH)
    initialise(model, 0.02, 1)
    found = [example(row, number) for number, row in enumerate(rows())]
    said = of_reference(model, found[: 4 * ROWS], "sum", "fp32", range(4 * ROWS)).repeat(
        PAIRS // (4 * ROWS), 1
    )

    def own(places: Any, some: Any) -> list[torch.Tensor]:
        return [torch.stack([said[place] for _, place in places])]

    origin: Any = {"path": "", "line": 1, "column": 1}
    step: Any = ours.Step(address="bench", fingerprint="0" * 64, inputs={}, work=work, origin=origin)
    feed = PairFeed(work, {"pairs": found}, own)
    return Loop(step, work, model, feed, ours.Room(Means()), HeldToReference(work))


def reference(turns: int) -> float:
    """CPU seconds in which a reference speaks of one step's pairs."""
    model = Decoder(ours._ARCH)
    initialise(model, 0.02, 1)
    found = [example(row, number) for number, row in enumerate(rows()[: 4 * ROWS])]
    spent: list[float] = []
    for _ in range(turns + 1):
        began = time.process_time()
        of_reference(model, found, "sum", "fp32", range(len(found)))
        spent.append((time.process_time() - began) / 4)
    return min(spent)


def trl() -> Advance:
    """TRL's trainer as it comes; the clock runs from its `on_step_begin` to its `on_step_end`."""
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    spent: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            spent.append(time.process_time() - self.began)

    class Ready(DPOTrainer):
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    model, other = theirs._llama(), theirs._llama()
    model.config._name_or_path = "bench"
    other.load_state_dict(model.state_dict())
    read = Dataset.from_list(rows())

    def advance(steps: int) -> list[float]:
        spent.clear()
        settings = DPOConfig(
            output_dir=tempfile.mkdtemp(),
            max_steps=steps + 1,  # the first one after its start is not counted
            per_device_train_batch_size=ROWS,
            learning_rate=LR,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            max_length=None,
        )
        one = Ready(
            model, other, args=settings, train_dataset=read, processing_class=_words(), callbacks=[Clock()]
        )
        one.log = lambda *_, **__: None
        one.train()
        return spent[1:]

    def _words() -> Any:
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel

        words = Tokenizer(WordLevel({str(number): number for number in range(VOCAB)}, unk_token="0"))
        return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="0", eos_token="1", bos_token="2")

    return advance


MODES: dict[str, Callable[[], Advance]] = {"TRL": trl, "ours": lambda: ours.advance(stage())}


def main() -> None:
    parser = argparse.ArgumentParser(description="Steps of DPO on a CPU, in ratios.")
    parser.add_argument("--quick", action="store_true", help="measure once, to see that it works")
    parser.add_argument("--peak", choices=list(MODES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(json.dumps(peak(options.peak)))
        return
    report, turns = Report(), 1 if options.quick else 4
    spent = clocks.in_turn({name: way() for name, way in MODES.items()}, turns)
    said = reference(turns)
    report.title(f"CPU seconds of a step of {ROWS} pairs, prompts of {PROMPT} and answers of {ANSWER} tokens")
    for name, seconds in spent.items():
        report.tell(name, seconds)
    report.tell("our reference, once for each pair", said)
    report.title("Speed")
    report.tell("steps, TRL / ours", spent["TRL"] / spent["ours"], least=1.75)
    report.tell("one epoch with the reference's pass, TRL / ours", spent["TRL"] / (spent["ours"] + said))
    report.title("Peak memory of two steps above the imports, MiB, a process each")
    found = {name: _peak_of(name) for name in MODES}
    for name, size in found.items():
        report.tell(name, size)
    report.tell("ours / TRL", found["ours"] / found["TRL"])
    if not options.quick:
        report.write(RESULTS)


def _peak_of(mode: str) -> float:
    out = subprocess.run(
        [sys.executable, __file__, "--peak", mode], capture_output=True, text=True, check=True
    )
    return json.loads(out.stdout.strip().splitlines()[-1])


def peak(mode: str) -> float:
    """MiB that a mode needs at most above what its imports took."""
    if mode == "TRL":
        from trl import DPOTrainer  # noqa: F401
    return clocks.above(MODES[mode])


if __name__ == "__main__":
    main()
