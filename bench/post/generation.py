"""Generation against transformers' `generate`: the same weights, prompts and number of tokens, in one run.

`python bench/post/generation.py` prints answers a second of both and their ratio, with all answers equally long and
with lengths that differ: transformers goes on until the longest is done.  CPU time of one thread; the ways take turns,
and medians are told.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from lehr.compiler.plan.model import Arch
from lehr.runtime.parts.huggingface.written import config
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.generate import Ask, How, replies
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.model.weights import write

ROWS, ROUNDS, PROMPT, LONGEST = 32, 3, (8, 24), 64
SHAPES = {
    "0.9M": {"layers": 4, "width": 128, "heads": 4, "kv_heads": 2, "head_dim": 32, "ffn": 384, "vocab": 1024},
    "12M": {"layers": 6, "width": 384, "heads": 6, "kv_heads": 2, "head_dim": 64, "ffn": 1024, "vocab": 4096},
}


def generation() -> list[dict[str, Any]]:
    """One row for each shape and each way in which answers end."""
    return [measured(name, unlike) for name in SHAPES for unlike in (False, True)]


def measured(name: str, unlike: bool) -> dict[str, Any]:
    model = Decoder(Arch(**SHAPES[name], rope=10_000.0, tied=True, norm_eps=1e-5))  # pyright: ignore[reportArgumentType]
    initialise(model, 0.06, 1)
    draw = random.Random(1)
    vocab = model.arch.vocab
    prompts = [[draw.randrange(1, vocab) for _ in range(draw.randint(*PROMPT))] for _ in range(4 * ROWS)]
    # An answer ends where it is to end: the likeliest tokens of a new model tell nothing of lengths.
    lengths = [draw.randint(1, LONGEST) if unlike else LONGEST for _ in prompts]
    ways = {"lehr": ours(model, prompts, lengths), "transformers": theirs(model, prompts, lengths)}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, run in ways.items():
            began = time.process_time()
            run()
            seconds[way].append(time.process_time() - began)
    median = {way: statistics.median(found[1:]) for way, found in seconds.items()}
    return {
        "model": name,
        "answers": "1 to 64 tokens" if unlike else "64 tokens each",
        "lehr": sum(lengths) / median["lehr"],
        "transformers": sum(lengths) / median["transformers"],
        "ratio": median["transformers"] / median["lehr"],
    }


def ours(model: Decoder, prompts: list[list[int]], lengths: list[int]) -> Callable[[], None]:
    asks = [Ask(prompt, place) for place, prompt in enumerate(prompts)]
    order = sorted(range(len(asks)), key=lambda place: len(prompts[place]))

    def run() -> None:
        due: dict[int, int] = {}
        wanted = iter([lengths[place] for place in order])

        def ends(ids: list[int]) -> bool:
            if len(ids) == 1:
                due[id(ids)] = next(wanted)
            return len(ids) >= due[id(ids)]

        found = replies(model, asks, How(LONGEST, temperature=1.0, rope=10_000.0, ends=ends, rows=ROWS))
        assert sum(len(reply.ids) for reply in found) == sum(lengths)

    return run


def theirs(model: Decoder, prompts: list[list[int]], lengths: list[int]) -> Callable[[], None]:
    from transformers import AutoModelForCausalLM, GenerationConfig, StoppingCriteria, StoppingCriteriaList

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config(model.arch, 128, None, None)))
        write(model, Path(folder))
        there = AutoModelForCausalLM.from_pretrained(folder).eval()
    how = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, max_new_tokens=LONGEST, pad_token_id=0, eos_token_id=None
    )

    class Due(StoppingCriteria):
        """A row is done when it is as long as it is to be; as with an end token, the others go on."""

        def __init__(self, start: int, due: list[int]) -> None:
            self.start, self.due_B = start, torch.tensor(due)

        def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
            return input_ids.shape[1] - self.start >= self.due_B

    def run() -> None:
        for first in range(0, len(prompts), ROWS):
            rows = prompts[first : first + ROWS]
            longest = max(map(len, rows))
            ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
            seen = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
            due = StoppingCriteriaList([Due(longest, lengths[first : first + ROWS])])
            there.generate(ids, attention_mask=seen, generation_config=how, stopping_criteria=due)

    return run


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'model':6} {'answers':16} {'lehr':>9} {'transformers':>13} {'ratio':>6}   tokens a second")
    for row in generation():
        print(
            f"{row['model']:6} {row['answers']:16} {row['lehr']:9.0f} {row['transformers']:13.0f} {row['ratio']:6.2f}"
        )


if __name__ == "__main__":
    main()
