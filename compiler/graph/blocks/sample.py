"""`sample`: let models answer, and keep some of the answers."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import CHECKERS, MODELS, Block, Holds
from ..values import Interval, Pick, Portion, Ref
from .calls import Best, Command, Endpoint, Top


class Sample(Block):
    """Answers to prompts, judged; the result is data, or pairs where `keep = extremes`."""

    kind: ClassVar[str] = "sample"

    origin: Annotated[
        tuple[Ref | Pick | Endpoint, ...], Holds(refers=MODELS, calls=("endpoint",), many=True, lone=True)
    ] = field(
        alias="from",
        description="The model that answers, an endpoint that serves one, or a list of them: a committee.",
        least=1,
    )
    prompts: Annotated[Ref | Portion, Holds(refers=("prompts",))] = field(description="What is asked.")
    per_prompt: Annotated[int | Interval, Holds(kind="count", ranges=True)] = field(
        1, description="Answers to each prompt; a range lets the run decide."
    )
    judge: Annotated[
        Ref | str | Command | None, Holds(refers=("reward",), words=CHECKERS, calls=("command",))
    ] = field(None, description="Who judges: a reward model, a checker, or a program of your own.")
    keep: Annotated[str | Best | Top, Holds(words=("all", "extremes"), calls=("best", "top"))] = field(
        "all", description="Which answers stay; `extremes` makes a pair of the best and the worst."
    )
    temperature: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1), description="0 is greedy.", ge=0
    )
    top_p: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(1), description="Nucleus from which tokens are drawn.", gt=0, le=1
    )
    max_new: Annotated[int, Holds(kind="length")] = field(256, description="Tokens per answer at most.", ge=1)
    stop: Annotated[tuple[str, ...], Holds(text=True, many=True)] = field(
        (), description="Texts that end an answer, beside what the template ends one with."
    )
    template: Annotated[Ref | None, Holds(refers=("template",))] = field(
        None, description="The chat template. Default: the one that the model carries."
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")

    @property
    def models(self) -> tuple[Ref | Pick, ...]:
        """Those that answer here; what an endpoint serves is not known."""
        return tuple(one for one in self.origin if not isinstance(one, Endpoint))
