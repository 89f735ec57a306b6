"""`classifier`: tells good text from bad."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import TEXTS, Block, Holds
from ..values import Ref
from .calls import FastText, HashedLinear


class Classifier(Block):
    """Trained in the run on two corpora; its score is a filter for `curate`."""

    kind: ClassVar[str] = "classifier"

    yes: Annotated[Ref, Holds(refers=TEXTS)] = field(description="Text as it should be.")
    no: Annotated[Ref, Holds(refers=TEXTS)] = field(description="Text as it mostly is.")
    model: Annotated[HashedLinear | FastText, Holds(calls=("hashed_linear", "fasttext"))] = field(
        alias="kind", description="What is trained."
    )
    holdout: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(1, 10), description="Share of both corpora that measures it.", gt=0, lt=1
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")
