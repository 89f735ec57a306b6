"""`label`: preferences about answers that a model gave."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds
from ..values import Portion, Ref
from .calls import Oracle, People


class Label(Block):
    """Ask people, or a checker that stands for them, which answer is better."""

    kind: ClassVar[str] = "label"

    of: Annotated[Ref | Portion, Holds(refers=("sample",))] = field(description="The answers.")
    by: Annotated[People | Oracle, Holds(calls=("people", "oracle"))] = field(
        description='`people("folder")` writes a queue and waits for the labels; `oracle(checker)` labels at once.'
    )
    question: Annotated[str, Holds(text=True)] = field(
        "Which answer is better?", description="What labellers are asked."
    )
