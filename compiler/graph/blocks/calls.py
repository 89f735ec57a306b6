"""The built-in calls: `builtin(…)`, `perplexity(…)`, `exact_match(…)`.

Arguments without a name fill a call's fields in the order written here.
"""

from fractions import Fraction
from typing import Annotated

from pydantic import Field

from ..schema import Holds, Schema
from ..values import Ref


class Builtin(Schema):
    """Text that comes with Python itself, or is generated; nothing is downloaded."""

    name: Annotated[str, Holds(text=True, words=("prose", "code", "skills"))] = Field(
        description="`prose`: docstrings, comments and manual pages of the standard library. "
        "`code`: its sources. `skills`: generated sentences whose answers can be checked."
    )
    wrong: Annotated[Fraction, Holds(kind="ratio")] = Field(
        Fraction(0), description="Share of the training answers made wrong on purpose (`skills` only)."
    )


class Perplexity(Schema):
    """Loss on the held-out part of a corpus."""

    corpus: Annotated[Ref, Holds(refers=("corpus",))] = Field(
        description="The corpus whose held-out part is read."
    )
    sequences: Annotated[int, Holds(kind="examples")] = Field(64, description="Documents read at most.")


class ExactMatch(Schema):
    """Share of a corpus's held-out questions answered exactly right, decoding greedily."""

    corpus: Annotated[Ref, Holds(refers=("corpus",))] = Field(
        description="A corpus of questions, as `skills` is."
    )
    questions: Annotated[int, Holds(kind="examples")] = Field(200, description="Questions asked.")
    max_new: Annotated[int, Holds(kind="tokens")] = Field(
        16, description="Tokens generated per answer at most."
    )


CALLS: dict[str, type[Schema]] = {"builtin": Builtin, "perplexity": Perplexity, "exact_match": ExactMatch}
