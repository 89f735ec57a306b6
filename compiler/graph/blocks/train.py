"""`train`: next-token training on a mix."""

from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from ...units import Quantity
from ..schema import MODELS, Block, Holds, Schema
from ..values import Ref, Timeline


class Checkpoint(Schema):
    """Saved states from which a killed stage goes on."""

    every: Annotated[Quantity, Holds(kind="interval")] = Field(
        description="Steps or tokens between two of them."
    )
    keep: Annotated[int, Holds(kind="count")] = Field(2, description="How many of the latest are kept.", ge=1)


class Average(Schema):
    """The stage's result becomes the uniform mean of weights along the way (Polyak averaging)."""

    every: Annotated[Quantity, Holds(kind="interval")] = Field(
        description="Steps or tokens between two samples."
    )
    start: Annotated[Quantity, Holds(kind="point")] = Field(
        Quantity(Fraction(0)),
        description="Point of the stage from which on samples are taken: tokens, steps or percent.",
    )
    weights: Annotated[str, Holds(words=("uniform",))] = Field(
        "uniform", description="How samples are weighted."
    )


class Train(Block):
    """Train a model to predict the next token."""

    kind: ClassVar[str] = "train"

    origin: Annotated[Ref, Holds(refers=MODELS)] = Field(alias="from", description="The model to start from.")
    data: Annotated[Timeline, Holds(refers=("mix", "corpus"), moves=True)] = Field(
        description="What it reads: a mix or a corpus, or one after the other."
    )
    tokens: Annotated[Quantity | None, Holds(kind="tokens")] = Field(
        None, description="Length of the stage. Exactly one of `tokens` and `steps` is set."
    )
    steps: Annotated[Quantity | None, Holds(kind="steps")] = Field(
        None, description="Length in optimizer steps."
    )
    context: Annotated[Timeline | None, Holds(kind="context", moves=True)] = Field(
        None, description="Tokens per sequence. Default: what the model was trained at last."
    )
    batch: Annotated[Timeline, Holds(kind="batch", moves=True)] = Field(
        description="Tokens or sequences per optimizer step; a whole number of sequences."
    )
    lr: Annotated[Timeline, Holds(kind="rate", moves=True)] = Field(description="Learning rate.")
    rope: Annotated[Timeline | None, Holds(kind="rate", moves=True)] = Field(
        None, description="Base of the rotary embedding. Default: what the model was trained with last."
    )
    optimizer: Annotated[Ref | None, Holds(refers=("optimizer",))] = Field(
        None, description="Default: AdamW as its block's defaults say."
    )
    checkpoint: Annotated[Checkpoint | None, Holds(block="checkpoint")] = Field(
        None, description="Default: none; a killed stage begins anew."
    )
    average: Annotated[Average | None, Holds(block="average")] = Field(
        None, description="Default: the last weights."
    )
    rng: Annotated[int | None, Holds(kind="count")] = Field(None, description="Default: the pipeline's.")
