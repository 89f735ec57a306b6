"""`prompts`: questions without answers."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds
from .calls import Builtin, Files, Synthetic


class Prompts(Block):
    """What models are asked while they are sampled from."""

    kind: ClassVar[str] = "prompts"

    source: Annotated[Builtin | Files | Synthetic | None, Holds(calls=("builtin", "files", "synthetic"))] = (
        field(None, description="Where they come from. A run needs it; a check does not.")
    )
    examples: Annotated[int | None, Holds(kind="examples")] = field(
        None, description="How many there are.", ge=1
    )
