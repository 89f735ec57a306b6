"""`preferences`: pairs of answers, with the one that people chose."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds
from .calls import Builtin, Files, Synthetic


class Preferences(Block):
    """Pairs to learn from, perhaps in batches that came in one after the other."""

    kind: ClassVar[str] = "preferences"

    source: Annotated[Builtin | Files | Synthetic | None, Holds(calls=("builtin", "files", "synthetic"))] = (
        field(None, description="Where they come from. A run needs it; a check does not.")
    )
    examples: Annotated[int | None, Holds(kind="examples")] = field(None, description="How many pairs.", ge=1)
    batches: Annotated[int, Holds(kind="count")] = field(
        1, description="In how many batches they came; `.until(i)` and `.latest(i)` read these.", ge=1
    )
