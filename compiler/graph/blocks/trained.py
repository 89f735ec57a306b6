"""What every stage that trains has: a length, a batch, timelines, an optimizer."""

from fractions import Fraction
from typing import Annotated

from ...units import Quantity
from ..field import field
from ..schema import MODELS, Block, Holds, Schema
from ..values import Pick, Ref, Timeline
from .calls import Ema
from .optimizer import Settings


class Checkpoint(Schema):
    """Saved states from which a killed stage goes on."""

    every: Annotated[Quantity, Holds(kind="interval")] = field(
        description="Steps or tokens between two of them."
    )
    keep: Annotated[int, Holds(kind="count")] = field(2, description="How many of the latest are kept.", ge=1)


class Average(Schema):
    """The stage's result becomes a mean of weights along the way (Polyak averaging)."""

    of: Annotated[str, Holds(words=("checkpoints",))] = field(
        "checkpoints", description="What is averaged: the weights at these points of the stage."
    )
    every: Annotated[Quantity, Holds(kind="interval")] = field(
        description="Steps or tokens between two samples."
    )
    start: Annotated[Quantity, Holds(kind="point")] = field(
        Quantity(Fraction(0)),
        description="Point of the stage from which on samples are taken: tokens, steps or percent.",
    )
    weights: Annotated[str | Ema, Holds(words=("uniform",), calls=("ema",))] = field(
        "uniform", description="How samples are weighted: all alike, or the newest by `ema(rate: 0.01)`."
    )


class MergeBack(Schema):
    """The online merging optimizer: steps are merged with the difference of two models (Lu et al. 2024)."""

    reference: Annotated[Ref | Pick, Holds(refers=MODELS)] = field(
        alias="with", description="The model that is merged back."
    )
    base: Annotated[Ref | Pick | None, Holds(refers=MODELS)] = field(
        None, description="What is subtracted from it. Default: the model that it began as."
    )
    rate: Annotated[Fraction, Holds(kind="rate")] = field(
        description="Weight of that difference.", gt=0, lt=1
    )
    method: Annotated[str, Holds(words=("dare", "ties"))] = field(
        "dare", description="How the difference and the steps are thinned before they are added."
    )
    reserve: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(1), description="Share of entries that survive the thinning.", gt=0, le=1
    )
    every: Annotated[int, Holds(kind="count")] = field(
        1, description="Steps that are merged together; those between are the optimizer's own.", ge=1
    )


class Parallel(Schema):
    """How a stage is laid over devices: it takes dp · tp · cp · pp of them."""

    dp: Annotated[int, Holds(kind="count")] = field(1, description="Data-parallel replicas or shards.", ge=1)
    tp: Annotated[int, Holds(kind="count")] = field(1, description="Tensor parallelism.", ge=1)
    cp: Annotated[int, Holds(kind="count")] = field(1, description="Context parallelism.", ge=1)
    pp: Annotated[int, Holds(kind="count")] = field(1, description="Pipeline parallelism.", ge=1)
    ep: Annotated[int, Holds(kind="count")] = field(
        1, description="Expert parallelism, within `dp`: it takes no devices of its own.", ge=1
    )
    utilisation: Annotated[Fraction | None, Holds(kind="ratio")] = field(
        None,
        description="Share of the peak FLOPs that this layout reaches (MFU). Default: the cluster's.",
        gt=0,
        le=1,
    )


class Trained(Block):
    """A stage that trains a model."""

    origin: Annotated[Ref | Pick, Holds(refers=MODELS)] = field(
        alias="from", description="The model to start from."
    )
    tokens: Annotated[Quantity | None, Holds(kind="tokens")] = field(
        None, description="Length of the stage. Exactly one of `tokens`, `epochs` and `steps` is set."
    )
    epochs: Annotated[Fraction | None, Holds(kind="epochs")] = field(
        None, description="Length in passes over the data.", gt=0
    )
    steps: Annotated[Quantity | None, Holds(kind="steps")] = field(
        None, description="Length in optimizer steps."
    )
    context: Annotated[Timeline | None, Holds(kind="context", moves=True)] = field(
        None, description="Tokens per sequence. Default: what the model was trained at last."
    )
    batch: Annotated[Timeline, Holds(kind="batch", moves=True)] = field(
        description="Tokens or sequences per optimizer step; a whole number of sequences."
    )
    lr: Annotated[Timeline, Holds(kind="rate", moves=True)] = field(description="Learning rate.")
    rope: Annotated[Timeline | None, Holds(kind="rate", moves=True)] = field(
        None, description="Base of the rotary embedding. Default: what the model was trained with last."
    )
    optimizer: Annotated[Ref | Settings | None, Holds(refers=("optimizer",), block="optimizer")] = field(
        None,
        description="An `optimizer` block's name, or its fields here. Default: AdamW as its defaults say.",
    )
    compute: Annotated[str, Holds(words=("fp32", "bf16"))] = field(
        "fp32",
        description="What matrices are multiplied in. Weights, gradients, moments and averages are fp32 either way.",
    )
    checkpoint: Annotated[Checkpoint | None, Holds(block="checkpoint")] = field(
        None, description="Default: none; a killed stage begins anew."
    )
    average: Annotated[Average | None, Holds(block="average")] = field(
        None, description="Default: the last weights."
    )
    merge_back: Annotated[MergeBack | None, Holds(block="merge_back")] = field(
        None, description="Default: steps are the optimizer's own."
    )
    parallel: Annotated[Parallel | None, Holds(block="parallel")] = field(
        None, description="Default: one device."
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")

    @property
    def reads(self) -> Timeline | None:
        """What the stage learns from, in whichever field its kind keeps it."""
        return None
