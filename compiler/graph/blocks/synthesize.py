"""`synthesize`: text that a model writes."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import CHECKERS, MODELS, TEXTS, Block, Holds
from ..values import Pick, Ref
from .calls import Command, Endpoint


class Synthesize(Block):
    """Let a model write documents from a template and seed texts, and keep those that pass."""

    kind: ClassVar[str] = "synthesize"

    by: Annotated[Ref | Pick | Endpoint, Holds(refers=MODELS, calls=("endpoint",))] = field(
        description="The model that writes, or an endpoint that serves one."
    )
    seeds: Annotated[Ref, Holds(refers=TEXTS)] = field(description="Texts that the template is filled with.")
    template: Annotated[str, Holds(text=True)] = field(description="The prompt's file, in Jinja2.")
    count: Annotated[int, Holds(kind="examples")] = field(description="Documents to write.", ge=1)
    max_new: Annotated[int, Holds(kind="length")] = field(
        256, description="Tokens per document at most.", ge=1
    )
    temperature: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1), description="0 is greedy.", ge=0
    )
    keep: Annotated[
        Ref | str | Command, Holds(refers=("reward",), words=("all", *CHECKERS), calls=("command",))
    ] = field("all", description="Which documents stay.")
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")
