"""The plan: the compiler's output, the runtime's only input, and the one seam between them.

A plan is a JSON document in which everything is resolved: every phase with its
integer steps, every share as an exact fraction, every artifact with its address.
It is enough to run on a machine that has never seen the spec.  The compiler
writes it in `lower`; the runtime's engine walks it.

Fractions travel as strings ("42/100"), learning rates as floats; everything
else is an integer.  Positions along a stage are optimizer steps, counted from 0.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

VERSION = 1

Exact = Annotated[
    Fraction,
    BeforeValidator(lambda value: Fraction(value)),
    PlainSerializer(str, return_type=str),
    Field(json_schema_extra={"type": "string", "pattern": r"^-?\d+(/\d+)?$"}),
]
Curve = Literal["linear", "cosine", "sqrt", "exponential"]


def _inside(path: str) -> str:
    if path.startswith(("/", "~")) or "\0" in path or ".." in path.split("/"):
        raise ValueError("a folder of a plan stays inside the folder where it runs")
    return path


Folder = Annotated[str, AfterValidator(_inside)]
"""A path below the working folder."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# ---- what stages are made of ---------------------------------------------------


class Segment(Frozen):
    """A learning rate from step `start` up to, not including, step `end`.

    At step s in the segment the value is `first + (last - first) * f((s - start) / (end - start))`
    with f the curve; a constant has `first == last`.
    """

    start: int
    end: int
    first: float
    last: float
    via: Curve = "linear"


class Share(Frozen):
    """A corpus's part of the sequences of a phase, moving on a straight line from `first` to `last`."""

    first: Exact
    last: Exact


class Phase(Frozen):
    """A stretch of a stage in which the shapes hold still."""

    steps: int = Field(description="optimizer steps")
    context: int = Field(description="tokens per sequence")
    sequences: int = Field(description="sequences per step")
    rope: float = Field(description="base of the rotary position embedding")
    shares: dict[str, Share] = Field(description="corpus name to its share; they sum to 1 at every step")

    @property
    def tokens(self) -> int:
        return self.steps * self.sequences * self.context


class Arch(Frozen):
    """A decoder: RMSNorm, rotary positions, grouped-query attention, gated feed-forward."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int = Field(description="rows of the embedding")
    rope: float
    tied: bool = Field(description="input and output embeddings are one tensor")
    norm_eps: float


class AdamW(Frozen):
    kind: Literal["adamw"] = "adamw"
    betas: tuple[float, float]
    eps: float
    decay: float = Field(description="decoupled weight decay, on matrices only")
    clip: float | None = Field(description="largest L2 norm of the whole gradient")


class Average(Frozen):
    """The stage's output is the uniform mean of the weights after these steps."""

    first: int = Field(description="steps done when the first sample is taken")
    every: int = Field(description="steps between samples")


class Checkpoint(Frozen):
    every: int = Field(description="steps between checkpoints")
    keep: int = Field(description="how many of the latest are kept")


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


Bench = Annotated[Perplexity | ExactMatch, Field(discriminator="suite")]


class Continuations(Frozen):
    """Texts that the model goes on with, for a person to read."""

    prompts: tuple[str, ...]
    max_new: int
    temperature: float


# ---- the work of each kind of step -------------------------------------------------


class Work(Frozen):
    """What decides a step's result, and nothing else: its canonical JSON is fingerprinted.

    `edition` is raised when the stage's code comes to give another result.
    """

    edition: int = 1


class CorpusWork(Work):
    """Write a corpus's documents, split into train and held out."""

    kind: Literal["corpus"] = "corpus"
    builtin: Literal["prose", "code", "skills"]
    library: str = Field(description="the Python whose library is read, and a digest of it")
    wrong: Exact = Field(description="share of the answers made wrong on purpose (skills)")
    rng: int


class TokenizerWork(Work):
    """Train a byte-level BPE on the training splits of its inputs."""

    kind: Literal["tokenizer"] = "tokenizer"
    vocab: int
    specials: tuple[str, ...]
    split_digits: bool
    sample: int = Field(description="bytes read of each corpus at most")


class TokenizeWork(Work):
    """Turn a corpus's documents into token ids."""

    kind: Literal["tokenize"] = "tokenize"


class InitWork(Work):
    kind: Literal["init"] = "init"
    arch: Arch
    std: float = Field(description="standard deviation of the initial matrices")
    rng: int


class TrainWork(Work):
    kind: Literal["train"] = "train"
    phases: tuple[Phase, ...]
    lr: tuple[Segment, ...]
    optimizer: AdamW
    average: Average | None
    rng: int
    earlier: int = Field(
        description="stages that trained the model before; the order of the data depends on it"
    )

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    @property
    def tokens(self) -> int:
        return sum(phase.tokens for phase in self.phases)


class EvalWork(Work):
    kind: Literal["eval"] = "eval"
    benches: dict[str, Bench]
    continuations: Continuations | None
    rng: int


class ReleaseWork(Work):
    kind: Literal["release"] = "release"
    format: Literal["safetensors"]


AnyWork = Annotated[
    CorpusWork | TokenizerWork | TokenizeWork | InitWork | TrainWork | EvalWork | ReleaseWork,
    Field(discriminator="kind"),
]


# ---- what a run must pass -----------------------------------------------------------


Compare = Literal["==", "!=", "<=", ">=", "<", ">"]
Operator = Literal["+", "-", "*", "/"] | Compare


class Constant(Frozen):
    kind: Literal["constant"] = "constant"
    value: Exact


class Measure(Frozen):
    """What a bench measures of a model."""

    kind: Literal["measure"] = "measure"
    model: str
    bench: str


class Count(Frozen):
    """A number that a step's result tells: how many answers a `sample` kept."""

    kind: Literal["count"] = "count"
    of: str
    what: str


class Arithmetic(Frozen):
    kind: Literal["arithmetic"] = "arithmetic"
    op: Operator
    left: Formula
    right: Formula


Formula = Annotated[Constant | Measure | Count | Arithmetic, Field(discriminator="kind")]
Arithmetic.model_rebuild()


class Gate(Frozen):
    """`left op right`, within a share of the right side."""

    stage: str = Field(description="the step whose model is held until the gate is passed")
    at: str = Field(description="`end`, a point of the stage, or the field whose every move is measured")
    op: Compare
    left: Formula
    right: Formula
    within: Exact
    enforced: bool = Field(
        description="whether the stage waits for it; under a scaled profile only the profile's own gates are enforced"
    )
    text: str = Field(description="as the spec has it")


# ---- the document -----------------------------------------------------------------


class Origin(Frozen):
    """Where in the spec a step was written."""

    path: str
    line: int
    column: int


class Step(Frozen):
    """One thing to do.

    `inputs` names by role the steps whose artifacts it reads: `model`, `tokenizer`,
    `corpus`, `tokens:<corpus>`.  `fingerprint` is the address of its artifact:
    SHA-256 over the canonical JSON of `work` and the inputs' fingerprints.
    """

    address: str = Field(description="the step's name, as `resume`, `status` and letters say it")
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    inputs: dict[str, str]
    work: AnyWork
    checkpoint: Checkpoint | None = None
    origin: Origin


class Plan(Frozen):
    """A whole pipeline, in an order in which it can be run."""

    version: Literal[1] = VERSION
    lehr: str = Field(description="version of the compiler that wrote this")
    pipeline: str
    profile: str
    run: Folder = Field(description="the run's folder, relative to where `lehr run` is called")
    store: Folder = Field(description="the folder of artifacts, which runs may share")
    steps: tuple[Step, ...]
    gates: tuple[Gate, ...] = ()

    def step(self, address: str) -> Step:
        return next(step for step in self.steps if step.address == address)
