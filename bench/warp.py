"""WARP beside one long run of as many steps: reward and divergence from the start, setting by setting.

    python bench/warp.py [--seeds 3] [--folder FOLDER] [--write]

Runs `tests/proofs/warp.lehr` for every setting and seed in a folder whose store they share, so that the start is
trained once.  What both ways end with, and the models half way between these and the start, answer questions that no
stage asked, at temperature 1.  Reward is what the judge gives; the divergence is KL(model ‖ start) of a whole answer,
summed over its tokens from whole distributions.  `--write` keeps the page in `bench/results/warp.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from lehr.runtime.parts.chat.rows import Prompt, Turn
from lehr.runtime.parts.chat.template import ChatTemplate
from lehr.runtime.parts.data.feed import IGNORED
from lehr.runtime.parts.data.skills import instructions
from lehr.runtime.parts.data.vocabulary import Vocabulary
from lehr.runtime.parts.judging.asked import Asked
from lehr.runtime.parts.judging.checkers import checker
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load
from lehr.runtime.parts.model.generate import generate
from lehr.runtime.parts.rl.rollouts import rows

SPEC = Path(__file__).parents[1] / "tests" / "proofs" / "warp.lehr"
RESULTS = Path(__file__).parent / "results" / "warp.md"
USUAL = {"steps": "8", "pace": "2e-3", "beta": "0.001", "slow": "0.05", "eta": "0.5"}
SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"eta": "0.8"},
    {"beta": "0.005"},
    {"slow": "0.2"},
    {"pace": "1e-3"},
    {"pace": "4e-3"},
)
"""What differs from the usual."""
WAYS = {"warp": "laps[2].back", "long": "long"}
QUESTIONS, MAX_NEW = 500, 10
Point = tuple[float, float]
"""Divergence and reward."""
Curve = list[Point]
"""From the start by the half to the end."""


# ---- runs ----------------------------------------------------------------------------------


def ran(folder: Path, setting: Mapping[str, str], seed: int) -> dict[str, Path]:
    """Where the artifacts of a run lie, by address."""
    chosen = {**USUAL, **setting, "seed": str(seed)}
    told = [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "lehr.cli", "run", str(SPEC), *told]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True
    )
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    entries: dict[str, Any] = json.loads((folder / "runs/warp/full/ledger.json").read_text())["entries"]
    return {name: folder / "runs/artifacts" / one["fingerprint"] for name, one in entries.items()}


# ---- measuring -----------------------------------------------------------------------------


class Examination:
    """The same questions for every model, and the start that each is held against."""

    def __init__(self, start: Path, words: Path) -> None:
        self.start, self.words = load(start), Vocabulary.open(words)
        template = ChatTemplate.of(None, self.words, start)
        asked = instructions(Fraction(0), 5, QUESTIONS, held=True)
        self.prompts = [
            Prompt(str(at), (Turn("user", one.prompt),), {"answer": one.answer})
            for at, one in enumerate(asked)
        ]
        self.given = [template.prompt(one.messages) for one in self.prompts]
        self.stops = template.stops
        self.judge = checker("shorter")
        self.first = self.point(self.start)

    @torch.no_grad()
    def point(self, model: Decoder) -> Point:
        replies = generate(
            model, self.given, max_new=MAX_NEW, stop=self.stops, temperature=1.0, rng=9, rope=None
        )
        asked = list[Asked]()
        for prompt, given, reply in zip(self.prompts, self.given, replies, strict=True):
            ended = len(reply) < MAX_NEW
            ids = [*reply, min(self.stops)] if ended else reply
            asked.append(Asked(prompt, self.words.decode(reply).strip(), ended, given, ids))
        batch = rows(self.given, [one.ids for one in asked])
        logs, others = (
            one(batch.tokens_BT, batch.documents_BT, None).log_softmax(-1) for one in (model, self.start)
        )
        kl_BT = (logs.exp() * (logs - others)).sum(-1)
        kl = kl_BT.where(batch.labels_BT != IGNORED, 0.0).sum(1).mean().item()
        return kl, statistics.fmean(self.judge(asked))

    def curve(self, end: Path) -> Curve:
        """By the weights, from the start to the end."""
        model, half = load(end), load(end)
        with torch.no_grad():
            for one, other in zip(half.parameters(), self.start.parameters(), strict=True):
                one.lerp_(other, 0.5)
        return [self.first, self.point(half), self.point(model)]


def between(curve: Curve, kl: float) -> float:
    """The reward at a divergence, by straight lines between points."""
    for (left, low), (right, high) in pairwise(curve):
        if kl <= right:
            return low + (high - low) * (kl - left) / max(right - left, 1e-9)
    return curve[-1][1]


def gap(warp: Curve, long: Curve) -> float:
    """How much WARP's reward is above that of the long run, over the divergences that both reach."""
    most = min(warp[-1][0], long[-1][0])
    places = [most * at / 20 for at in range(1, 21)]
    return statistics.fmean(between(warp, one) - between(long, one) for one in places)


# ---- the page ------------------------------------------------------------------------------

Found = dict[int, list[dict[str, Curve]]]
"""By place of the setting, and there by seed."""


def told(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.4f} ({min(values):.4f} to {max(values):.4f})"


def verdict(found: Found) -> str:
    """Above or below where every setting says so in the mean of its seeds, else level."""
    gaps = [statistics.fmean(gap(one["warp"], one["long"]) for one in runs) for runs in found.values()]
    above = sum(one > 0 for one in gaps)
    place = "above" if above == len(gaps) else "below" if above == 0 else "level with, and not above,"
    return (
        f"WARP's front is {place} that of one long run: at equal divergence its reward is higher in {above} of "
        f"{len(gaps)} settings, each the mean of {len(found[0])} seeds; over all it differs by "
        f"{statistics.fmean(gaps):+.4f}."
    )


def page(found: Found) -> str:
    usual = ", ".join(f"{name} {value}" for name, value in USUAL.items())
    lines = [
        "# WARP beside one long run",
        "",
        verdict(found),
        "",
        f"Two laps of two policies of {USUAL['steps']} steps each, merged by SLERP and taken a step back, beside one",
        "run of four times as many; RLOO, 16 prompts and 4 answers a step. Mean and range over "
        f"{len(found[0])} seeds;",
        f"{QUESTIONS} questions that no stage asked, temperature 1. KL is that of a whole answer from the start, in",
        "nats. The gap is the mean of WARP's reward less that of the long run over the divergences that both reach;",
        "each front goes by straight lines from the start by the half of the weights to the end.",
        "Between those points a front is taken too low, the more so the further they are apart: at large KL the gap",
        "flatters the way that went less far.",
        "Reward is the check `shorter`, 100 / (100 + characters), a stand-in: a start of this size answers 1 question",
        "in 20 right, and paid for right answers neither way learnt much in an earlier trial (three settings, 20 steps",
        "a policy, one seed: 0.062 before, 0.040 to 0.075 after).",
        f"Usual: {usual}. Written by `python bench/warp.py --write`;",
        f"torch {version('torch')}, Python {platform.python_version()}, {platform.machine()}, one thread.",
        "",
        "| setting | WARP: KL | reward | long run: KL | reward | gap at equal KL |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for place, runs in found.items():
        cells = [told([run[way][-1][axis] for run in runs]) for way in ("warp", "long") for axis in (0, 1)]
        lines.append(
            f"| {named(place)} | {' | '.join(cells)} | {told([gap(r['warp'], r['long']) for r in runs])} |"
        )
    lines += ["", "Every run, as KL / reward at half of the way and at its end:", ""]
    lines += [
        "| setting | seed | start | WARP, half | WARP | long, half | long |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for place, runs in found.items():
        for seed, run in enumerate(runs, 1):
            points = [run["warp"][0], *run["warp"][1:], *run["long"][1:]]
            cells = " | ".join(f"{kl:.3f} / {reward:.4f}" for kl, reward in points)
            lines.append(f"| {named(place)} | {seed} | {cells} |")
    return "\n".join(lines) + "\n"


def named(place: int) -> str:
    return ", ".join(f"{name} {value}" for name, value in SETTINGS[place].items()) or "usual"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="warp-"))
    found: Found = {place: [] for place in range(len(SETTINGS))}
    for seed in range(1, asked.seeds + 1):
        for place, setting in enumerate(SETTINGS):
            paths = ran(folder, setting, seed)
            examination = Examination(paths["tuned"], paths["words"])
            found[place].append({way: examination.curve(paths[end]) for way, end in WAYS.items()})
            print(seed, named(place), found[place][-1], flush=True)
        if asked.write:
            RESULTS.write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
