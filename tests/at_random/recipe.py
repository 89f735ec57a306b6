"""The whole: from the first line to a rehearsal."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from .alignment import Alignment
from .written import Block, Recipe


class Draw(Alignment):
    """One recipe of a seed."""

    def draw(self) -> Recipe:
        self.pipeline()
        self.yardsticks()
        self.texts()
        self.shape()
        base = self.pretraining()
        self.aligning(base)
        self.results()
        self.profile()
        return self.recipe

    def results(self) -> None:
        """Everything that nobody reads is released or measured; claims about what is known."""
        for model in self.loose[-2:]:
            fields = {"model": model} | self.some({"format": self.one("safetensors", "huggingface")}, 0.6)
            if self.template and self.coin(0.4):
                fields["template"] = self.template
            self.add("release", "", fields)
            self.stages += 1
        reads = self.name("reads")
        self.add("bench", reads, {"suite": f"perplexity({self.corpora[0]}, sequences: 32)"})
        self.benches.append(reads)
        eval_ = {"of": f"[{', '.join(self.loose)}]", "benches": f"[{', '.join(self.benches)}]"}
        marks = self.add("eval", "", eval_ | self.some({"rng": self.seed}))
        if self.coin(0.3):
            marks.inner.append(
                Block(
                    "continuations",
                    fields={"prompts": '["Once"]'}
                    | self.some({"max_new": "32 tokens", "temperature": "0.7"}, 0.6),
                )
            )
        self.stages += len(self.loose)
        stage = self.one(*self.recipe.blocks("train"))
        self.line(f"expect {stage.name}.steps >= 20")
        self.line(f"expect {stage.name}.lr.end < 1")
        if self.seed == "seed" and not re.search(r"= seed\b", self.recipe.text()):
            self.recipe.parts[0].fields["rng"] = "seed"

    def profile(self) -> None:
        """A rehearsal: smaller, with other sources."""
        if self.coin(0.6):
            return
        lines = ["scale examples by 1/10 floor 64 examples", "set corpus[*].source = synthetic(seed: 7)"]
        lines += self.random.sample(
            ["scale steps by 1/2 floor 10 steps", "scale tokens by 1/2 floor 10 steps"], 1
        )
        self.add(
            "profile",
            "rehearsal",
            more=lines,
            inner=[Block("arch", self.recipe.blocks("arch")[0].name, {"rope": str(self.base * 10)})],
        )


@st.composite
def recipes(draw) -> Recipe:
    """A recipe drawn from a seed: sizes and lengths vary more evenly than hypothesis would draw them."""
    return Draw(draw(st.integers(0, 2**32))).draw()
