"""What DPO is worth to a small model that learns of its own answers: exact match, sampled at temperature 1.

    lehr run preferences.lehr --set seed=1     trains the model, which it releases as `base`, and a judge
    python liking.py draw MODEL 1              writes pairs-1.jsonl of what MODEL says to 320 questions, 8 times each
    lehr run liking.lehr --set seed=1          50 steps of DPO; the model is there already
    python liking.py ask MODEL                 exact match on 300 questions that no stage has read, two draws

MODEL is a folder that `lehr release` wrote.  What came out is in `bench/results/post-training-preferences.md`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

import torch

from lehr.runtime.parts.data.skills import answer, questions
from lehr.runtime.parts.data.vocabulary import Vocabulary
from lehr.runtime.parts.model.files import load
from lehr.runtime.parts.model.generate import generate
from lehr.runtime.parts.suites.exact import stops

PROMPTS, EACH, ASKED, MOST = 320, 8, 300, 2


def said(folder: Path, asked: list[str], rng: int) -> list[str]:
    model, words = load(folder), Vocabulary.open(folder)
    ids = [[words.begin, *one] for one in words.encode([f"the {question} is" for question in asked])]
    found = generate(model, ids, max_new=14, stop=stops(words), temperature=1.0, rng=rng, rope=None)
    return [words.decode(one).strip() for one in found]


def exact(folder: Path, rng: int) -> float:
    asked = questions(ASKED, Random(5), held=True)
    replies = said(folder, asked, rng)
    return sum(one == answer(question) for one, question in zip(replies, asked, strict=True)) / ASKED


def pairs(folder: Path, seed: int) -> list[dict[str, str]]:
    """A right answer over each of two wrong ones, where the model gave both."""
    asked = list(dict.fromkeys(questions(PROMPTS, Random(seed), held=False)))
    replies = said(folder, [question for question in asked for _ in range(EACH)], seed)
    found: list[dict[str, str]] = []
    for place, question in enumerate(asked):
        own, right = replies[EACH * place : EACH * (place + 1)], answer(question)
        wrong = [one for one in dict.fromkeys(own) if one and one != right] if right in own else []
        found += [
            {"prompt": f"the {question} is", "chosen": f" {right} .\n", "rejected": f" {one} .\n"}
            for one in wrong[:MOST]
        ]
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    verb, model = sys.argv[1], Path(sys.argv[2])
    if verb == "draw":
        rows = pairs(model, int(sys.argv[3]))
        Path(f"pairs-{sys.argv[3]}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        print(*(exact(model, rng) for rng in (9, 10)))
