"""The steps that make models, measure them and hand them on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .arch import Arch
from .base import Exact, Frozen, Work
from .course import Average, Open, Optimizer, Phase, Segment
from .data import File, Judge, Template

# ---- without training ------------------------------------------------------------


class InitWork(Work):
    kind: Literal["init"] = "init"
    arch: Arch
    std: float = Field(description="standard deviation of the initial matrices")
    rng: int


class LoadWork(Work):
    """Read a Hugging Face folder."""

    kind: Literal["load"] = "load"
    folder: File
    arch: Arch | None = Field(description="None is what the folder's config says")


class UpcycleWork(Work):
    """Copy the feed-forward into experts, shuffle its channels in each copy, draw part of each anew."""

    kind: Literal["upcycle"] = "upcycle"
    arch: Arch = Field(description="the shape with experts")
    shuffle: tuple[Literal["ffn"], ...]
    redraw: Exact
    rng: int


class MergeWork(Work):
    """One model out of those in the roles `model:0`, `model:1` … by their differences from that in `base`.

    Where they may read with different tokenizers, those are in `tokenizer:0` … and `tokenizer:base`.
    """

    kind: Literal["merge"] = "merge"
    method: Literal["linear", "slerp", "ema", "ties", "dare"]
    weights: tuple[Exact, ...] = Field(description="one for each model; empty for `ema`")
    density: Exact
    rate: float | None
    per: Literal["tensor", "layer", "whole"] = Field(
        description="over what `slerp` measures an angle; without a `base` that of the weights themselves"
    )
    rng: int


# ---- training --------------------------------------------------------------------


class MergeBack(Frozen):
    """Steps are merged with the difference between the models in the roles `merge_back` and `merge_base`."""

    rate: float
    method: Literal["dare", "ties"]
    reserve: float
    every: int = Field(description="steps that are merged together")


class TrainedWork(Work):
    """What every stage that trains has."""

    phases: tuple[Phase, ...]
    lr: tuple[Segment, ...]
    optimizer: Optimizer
    average: Average | None
    merge_back: MergeBack | None = None
    compute: Literal["fp32", "bf16"] = Field(
        default="fp32", description="what matrices are multiplied in; all that is kept is fp32"
    )
    rng: int
    earlier: int = Field(
        description="stages that trained the model before; the order of the data depends on it"
    )
    open: Open | None = Field(
        default=None, description="set where only a run can tell the length; `phases` and `lr` are empty then"
    )

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    @property
    def tokens(self) -> int:
        return sum(phase.tokens for phase in self.phases)


class TrainWork(TrainedWork):
    kind: Literal["train"] = "train"
    z_loss: float = Field(default=0.0, description="weight of the squared log-partition")
    packing: Literal["end_to_end", "best_fit"] = Field(
        default="end_to_end", description="how documents are laid into sequences"
    )


class Convex(Frozen):
    """Cross-entropy against the truth and the teacher's best guess, mixed."""

    kind: Literal["convex"] = "convex"
    label: Exact
    teacher_top1: Exact


class Distribution(Frozen):
    kind: Literal["distribution"] = "distribution"
    temperature: float


class TopK(Frozen):
    kind: Literal["top_k"] = "top_k"
    k: int
    temperature: float


Target = Annotated[Convex | Distribution | TopK, Field(discriminator="kind")]


class OnPolicy(Frozen):
    """The student answers `prompts` itself."""

    divergence: Literal["forward", "reverse", "jensen_shannon"]
    beta: float = Field(
        default=0.5, description="the teacher's share of the mixture that Jensen and Shannon compare with"
    )
    max_new: int
    temperature: float


class TargetsWork(Work):
    """A teacher's targets for every position that a student will read, written once."""

    kind: Literal["targets"] = "targets"
    phases: tuple[Phase, ...]
    target: Target
    compute: Literal["fp32", "bf16"] = Field(
        default="fp32", description="what the student multiplies its matrices in"
    )
    rng: int
    earlier: int

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    @property
    def tokens(self) -> int:
        return sum(phase.tokens for phase in self.phases)


class DistillWork(TrainedWork):
    """Imitate the model in the role `teacher`, or read its `targets`."""

    kind: Literal["distill"] = "distill"
    target: Target
    on_policy: OnPolicy | None


class PruneWork(TrainedWork):
    kind: Literal["prune"] = "prune"
    arch: Arch = Field(description="the shape that is left")
    method: Literal["soft_top_k"]
    axes: tuple[Literal["ffn"], ...]


class Lora(Frozen):
    rank: int
    alpha: float
    targets: tuple[Literal["attention", "ffn"], ...]


class SftWork(TrainedWork):
    kind: Literal["sft"] = "sft"
    by: Literal["examples", "tokens"] = Field(
        default="examples",
        description="what a phase's sequences are: conversations, or rows of its context that hold many",
    )
    template: Template | None = Field(description="None is the one that the model carries")
    dropout: float
    lora: Lora | None
    target: Target | None


class RewardWork(TrainedWork):
    kind: Literal["reward"] = "reward"
    loss: Literal["bradley_terry", "soft_label"]
    margin: bool
    levels: tuple[Exact, ...]
    grading: float | None = Field(description="weight of the grading heads' losses; None: no such heads")
    template: Template | None = Field(default=None, description="None is the one that the model carries")


class DpoWork(TrainedWork):
    kind: Literal["dpo"] = "dpo"
    loss: Literal["dpo", "ipo", "apo_zero", "apo_down"]
    beta: float
    length: Literal["sum", "mean"]
    nll: float
    mask: tuple[Literal["headers", "terminators"], ...]
    template: Template | None


class Algorithm(Frozen):
    """How advantages are made of the rewards of `rollouts` answers to a prompt."""

    kind: Literal["reinforce", "rloo", "mdloo", "grpo"]
    rollouts: int = 1
    inner: int = Field(default=1, description="optimizer steps on each batch of answers")
    clip: float | None = None
    gamma: float = Field(default=0.0, description="weight of the divergence from the policy that answered")


class RlWork(TrainedWork):
    kind: Literal["rl"] = "rl"
    algorithm: Algorithm
    judge: Judge
    ema: float | None = Field(description="the reference is a moving average of the policy with this rate")
    kl: float
    temperature: float
    max_new: int
    length_penalty: float = Field(default=0.0, description="taken from a reward for each token")
    cut_penalty: float = Field(default=0.0, description="taken from the reward of an answer that was cut off")
    template: Template | None


# ---- afterwards ------------------------------------------------------------------


class Perplexity(Frozen):
    suite: Literal["perplexity"] = "perplexity"
    corpus: str = Field(description="the corpus whose held-out split is read")
    context: int
    sequences: int = Field(description="at most this many windows, each starting at a document's start")


class ExactMatch(Frozen):
    suite: Literal["exact_match"] = "exact_match"
    corpus: str = Field(description="a corpus of questions; its held-out ones are asked")
    questions: int
    max_new: int = Field(description="tokens generated at most per answer, greedily")
    file: File | None = Field(default=None, description="a file of questions, in place of a corpus")


class MultipleChoice(Frozen):
    suite: Literal["multiple_choice"] = "multiple_choice"
    file: File
    shots: int
    context: int


class Needle(Frozen):
    suite: Literal["needle"] = "needle"
    depths: int
    lengths: int = Field(description="of the context, its half, its quarter …")
    corpus: str = Field(description="whose held-out split is the haystack; empty: it is generated")
    context: int


class Preference(Frozen):
    suite: Literal["preference"] = "preference"
    data: str = Field(description="the pairs, in the role `data:<name>`; empty where they are in a file")
    file: File | None = Field(default=None, description="a file of pairs, in place of a step's")
    context: int


class Harness(Frozen):
    suite: Literal["harness"] = "harness"
    task: str
    folder: File = Field(description="of lm-evaluation-harness's task files")
    shots: int | None = Field(description="None is what the task says")
    limit: int | None = Field(description="questions asked at most; None is all")
    context: int


Bench = Annotated[
    Perplexity | ExactMatch | MultipleChoice | Needle | Preference | Harness, Field(discriminator="suite")
]


class Continuations(Frozen):
    """Texts that the model goes on with, for a person to read."""

    prompts: tuple[str, ...]
    max_new: int
    temperature: float


class EvalWork(Work):
    kind: Literal["eval"] = "eval"
    benches: dict[str, Bench]
    continuations: Continuations | None
    rng: int


class ReleaseWork(Work):
    kind: Literal["release"] = "release"
    format: Literal["safetensors", "huggingface"]
    template: Template | None = None
