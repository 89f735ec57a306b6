"""Small draws, what the parts of a recipe share, and its first lines."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .written import Block, Line, Recipe


@dataclass
class Model:
    """What the generator knows of a model that it has made."""

    name: str
    arch: dict[str, int]
    context: int
    lr: str = ""
    base: str = ""
    """The model of pre-training that it came from; itself while it is being pre-trained."""


LR_END = ["linear", "cosine", "sqrt", "exponential"]


def k(context: int) -> str:
    return f"{context // 1024}k" if context >= 1024 else f"{context} context"


def tokens(amount: int) -> str:
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6)):
        if amount >= size:
            return f"{amount / size:.3g}{unit}" if amount / size < 1000 else f"{amount // size}{unit}"
    return f"{amount} tokens"


def binary(amount: int) -> str:
    return f"{amount // 2**20}Mi" if amount % 2**20 == 0 else f"{amount // 1024}Ki"


class Start:
    """What has been made so far.  Each part below adds to it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.recipe = Recipe()
        self.count = 0
        self.stages = 0
        self.wanted = self.random.randint(5, 28)
        self.loose: list[str] = []
        """Models that nothing has read yet."""
        self.models: list[Model] = []
        self.benches: list[str] = []
        self.template = ""
        self.teacher: Model | None = None

    def one(self, *choices):
        return self.random.choice(choices)

    def coin(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    def name(self, word: str) -> str:
        self.count += 1
        return f"{word}_{self.count}"

    def some(self, fields: dict[str, str], chance: float = 0.3) -> dict[str, str]:
        """A part of some optional fields."""
        return {name: value for name, value in fields.items() if self.coin(chance)}

    def add(self, kind: str, name: str = "", fields: dict[str, str] | None = None, **rest) -> Block:
        block = Block(kind, name or self.name(kind), fields or {}, **rest)
        self.recipe.parts.append(block)
        return block

    def line(self, text: str) -> None:
        self.recipe.parts.append(Line(text))

    def use(self, *names: str) -> None:
        self.loose = [one for one in self.loose if one not in names]

    def pipeline(self) -> None:
        fields = self.some(
            {"source": '"a report"', "runs": '"runs/${pipeline.name}"', "store": '"runs/kept"', "rng": "3"}
        )
        self.add("pipeline", "recipe", fields)
        self.seed = self.one("7", "seed", "number")
        if self.seed == "seed":
            self.line("param seed: count = 11")
        if self.seed == "number":
            self.line("let number = 5")
        if self.coin(0.3):
            self.add(
                "cluster",
                "",
                {"device": '"H100-SXM"', "count": "16"}
                | self.some(
                    {
                        "memory": "80GiB",
                        "interconnect": "400GB / 1s",
                        "price": "2.50USD / 1h",
                        "utilisation": "38%",
                    },
                    0.6,
                ),
                inner=[self.mesh({"context": "4k"}), self.mesh({})] if self.coin() else [],
            )
        self.optimizer = ""
        if self.coin():
            self.optimizer = self.name("adam")
            self.add(
                "optimizer",
                self.optimizer,
                self.some(
                    {"kind": "adamw", "betas": "[0.9, 0.95]", "eps": "1e-8", "decay": "0.1", "clip": "1.0"}
                    | {"skip": "100.0", "base_width": "256"},
                    0.7,
                ),
            )

    def mesh(self, fields: dict[str, str]) -> Block:
        more = {"cp": "1", "pp": "2", "ep": "1", "utilisation": "41%"}
        return Block("mesh", fields={"dp": "4", "tp": "2"} | fields | self.some(more))
