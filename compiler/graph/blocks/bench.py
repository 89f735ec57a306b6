"""`bench`: a yardstick."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds
from .calls import ExactMatch, Harness, MultipleChoice, Needle, Perplexity, Preference


class Bench(Block):
    """Something to measure a model by."""

    kind: ClassVar[str] = "bench"

    suite: Annotated[
        Perplexity | ExactMatch | MultipleChoice | Needle | Preference | Harness,
        Holds(calls=("perplexity", "exact_match", "multiple_choice", "needle", "preference", "harness")),
    ] = field(description="What is measured.")
    context: Annotated[int | None, Holds(kind="context")] = field(
        None,
        description="Tokens per sequence at most. Default: the longest context of the spec.",
    )
