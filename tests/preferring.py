"""Pairs of a small language, models that read them, and the stages `preferences`, `reward` and `dpo` run on them."""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from rooms import desk

from lehr.compiler.plan.model import (
    AdamW,
    Arch,
    DpoWork,
    Files,
    Origin,
    Phase,
    PreferencesWork,
    RewardWork,
    Segment,
    Share,
    Step,
    Work,
)
from lehr.runtime.parts.chat.rows import Pair, Turn, write_pairs
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.stages import preferences

ARCH = Arch(
    layers=1,
    width=16,
    heads=2,
    kv_heads=1,
    head_dim=8,
    ffn=24,
    vocab=300,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
PAIRS = [
    Pair(
        f"pair{at}",
        (Turn("user", f"{at} and {'more ' * (at % 4)}"),),
        f"yes {'indeed ' * (at % 3)}",
        "no" + " never" * (at % 5),
        edited=f"yes of course {at}" if at % 4 == 1 else None,
        level=at % 4,
        grades={"truthfulness": (2, at % 3), "verbosity": (1, 0)} if at % 2 else {},
    )
    for at in range(12)
]
STEPS = 8


def words(folder: Path) -> Path:
    """A tokenizer that knows control tokens."""
    if not folder.exists():
        folder.mkdir(parents=True)
        texts = [pair.chosen + pair.rejected for pair in PAIRS]
        made = train(texts, vocab=300, specials=["<|begin|>", "<|end|>"], split_digits=True)
        Vocabulary.of(made, "<|begin|>", "<|end|>").save(folder)
    return folder


def policy(folder: Path, rng: int = 1, arch: Arch = ARCH) -> Path:
    if not folder.exists():
        model = Decoder.empty(arch)
        initialise(model, 0.2, rng)
        folder.mkdir(parents=True)
        save(model, folder)
    return folder


def data(folder: Path, pairs: Sequence[Pair] = PAIRS, **parts: Sequence[Pair]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_pairs(folder / "pairs.parquet", pairs)
    for name, some in parts.items():
        write_pairs(folder / f"{name}.parquet", some)
    return folder


def step_of(work: Work, name: str = "stage", **inputs: str) -> Step:
    origin = Origin(path="spec.lehr", line=1, column=1)
    return Step(address=name, fingerprint="0" * 64, inputs=inputs, work=work, origin=origin)


def shared(**changes: Any) -> dict[str, Any]:
    shares = {"people": Share(first=Fraction(1), last=Fraction(1))}
    phase = Phase(steps=STEPS, context=64, sequences=4, rope=None, shares=shares)
    return {
        "phases": (phase,),
        "lr": (Segment(start=0, end=STEPS, first=3e-3, last=0.0),),
        "optimizer": AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0),
        "average": None,
        "rng": 5,
        "earlier": 1,
        **changes,
    }


def dpo_work(**changes: Any) -> DpoWork:
    settings = {"loss": "dpo", "beta": 0.1, "length": "sum", "nll": 0.0, "mask": (), "template": None}
    return DpoWork(**shared(**(settings | changes)))


def reward_work(**changes: Any) -> RewardWork:
    levels = tuple(Fraction(share, 100) for share in (95, 85, 75, 65))
    settings = {"loss": "bradley_terry", "margin": False, "levels": levels, "grading": None}
    return RewardWork(**shared(**(settings | changes)))


def inputs(root: Path, **more: Path) -> dict[str, Path]:
    """Roles and folders of what a stage reads."""
    found = {
        "model": policy(root / "policy"),
        "tokenizer": words(root / "words"),
        "data:people": root / "people",
    }
    if not (root / "people").exists():
        data(root / "people")
    return found | more


def named(folders: Mapping[str, Path]) -> dict[str, str]:
    return {role: path.name for role, path in folders.items()}


def written(root: Path, rows: Sequence[Any], **settings: Any) -> tuple[dict[str, Any], Path]:
    """What `preferences` makes of JSON rows: its facts and its folder."""
    root.mkdir(exist_ok=True)
    (root / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    from lehr.compiler.plan import files

    source = Files(
        pattern="pairs.jsonl",
        files=files.matching("pairs.jsonl", root),
        text="",
        max_bad=settings.pop("max_bad", 0),
    )
    work = PreferencesWork(
        source=source, examples=settings.pop("examples", None), batches=settings.pop("batches", 1)
    )
    room = desk(root / "out", root=root)
    return preferences.run(step_of(work, "people"), {}, room), root / "out"


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")
