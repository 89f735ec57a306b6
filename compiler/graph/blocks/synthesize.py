"""`synthesize`: text that a model writes."""

from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import CHECKERS, MODELS, TEXTS, Block, Holds
from ..values import Pick, Ref
from .calls import Command, Endpoint


class Synthesize(Block):
    """Let a model write documents from a template and seed texts, and keep those that pass."""

    kind: ClassVar[str] = "synthesize"

    by: Annotated[Ref | Pick | Endpoint, Holds(refers=MODELS, calls=("endpoint",))] = Field(
        description="The model that writes, or an endpoint that serves one."
    )
    seeds: Annotated[Ref, Holds(refers=TEXTS)] = Field(description="Texts that the template is filled with.")
    template: Annotated[str, Holds(text=True)] = Field(description="The prompt's file, in Jinja2.")
    count: Annotated[int, Holds(kind="examples")] = Field(description="Documents to write.", ge=1)
    max_new: Annotated[int, Holds(kind="length")] = Field(
        256, description="Tokens per document at most.", ge=1
    )
    temperature: Annotated[Fraction, Holds(kind="rate")] = Field(
        Fraction(1), description="0 is greedy.", ge=0
    )
    keep: Annotated[
        Ref | str | Command, Holds(refers=("reward",), words=("all", *CHECKERS), calls=("command",))
    ] = Field("all", description="Which documents stay.")
    rng: Annotated[int | None, Holds(kind="count")] = Field(None, description="Default: the pipeline's.")
