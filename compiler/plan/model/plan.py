"""The document: steps in an order in which they can be run, gates, and where it may run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Folder, Frozen
from .course import Checkpoint, Layout, Move
from .data import (
    ClassifierWork,
    CorpusWork,
    CurateWork,
    LabelWork,
    PartWork,
    PickWork,
    PreferencesWork,
    PromptsWork,
    SampleWork,
    SynthesizeWork,
    TokenizerWork,
    TokenizeWork,
)
from .gates import Gate
from .models import (
    Bench,
    DistillWork,
    DpoWork,
    EvalWork,
    InitWork,
    LoadWork,
    MergeWork,
    PruneWork,
    ReleaseWork,
    RewardWork,
    RlWork,
    SftWork,
    TargetsWork,
    TrainWork,
    UpcycleWork,
)
from .origin import Origin

VERSION = 1

Data = (
    CorpusWork
    | PromptsWork
    | PreferencesWork
    | PartWork
    | TokenizerWork
    | TokenizeWork
    | ClassifierWork
    | CurateWork
    | SampleWork
    | LabelWork
    | SynthesizeWork
    | PickWork
)
Models = (
    InitWork
    | LoadWork
    | UpcycleWork
    | MergeWork
    | TrainWork
    | TargetsWork
    | DistillWork
    | PruneWork
    | SftWork
    | RewardWork
    | DpoWork
    | RlWork
    | EvalWork
    | ReleaseWork
)
AnyWork = Annotated[Data | Models, Field(discriminator="kind")]


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
    layout: Layout | None = Field(default=None, description="over devices; None is the cluster's")
    moves: tuple[Move, ...] = Field(default=(), description="where a stage's course changes, for letters")
    origin: Origin


class Group(Frozen):
    """Steps of the spec's loop `name`: those of `name[1]`, `name[2]` … of an `each` may run side by side."""

    word: Literal["repeat", "each"]
    turns: int


class Device(Frozen):
    """Public figures of one device."""

    name: str
    flops: float = Field(description="peak FLOPs a second, dense, in bf16")
    memory: int = Field(description="bytes")
    source: str = Field(description="where the figures stand; empty where the spec gives them")


class Cluster(Frozen):
    """Where a plan would run, and what that costs."""

    device: Device | None = Field(
        description="None where the device is not known and the spec gives no memory"
    )
    named: str = Field(description="the device as the spec has it")
    count: int
    utilisation: float = Field(description="share of the peak FLOPs that training reaches (MFU)")
    meshes: tuple[Layout, ...] = Field(
        description="for steps that have no layout of their own; the first that is for a phase's context"
    )
    price: float | None = Field(description="of one device for an hour")
    currency: str


class Size(Frozen):
    """How much there is of a corpus; None where the spec does not say."""

    tokens: int | None
    documents: int | None


class World(Frozen):
    """What a saved plan was compared with; it runs only where that still stands.

    `run` and `serial` are those of the ledger, None where there was none; `kept` are the addresses
    of the artifacts that were there.
    """

    run: str | None
    serial: int | None
    kept: tuple[str, ...]


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
    benches: dict[str, Bench] = Field(default={}, description="what the gates measure by")
    groups: dict[str, Group] = Field(default={}, description="loops of the spec by address")
    sizes: dict[str, Size] = Field(default={}, description="of corpora, as the spec gives them")
    clusters: dict[str, Cluster] = Field(default={}, description="by the spec's names")
    world: World | None = None

    def step(self, address: str) -> Step:
        return next(step for step in self.steps if step.address == address)
