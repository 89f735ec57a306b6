"""`pipeline`: the whole recipe's name and where its runs live."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds


class Pipeline(Block):
    """The recipe as a whole.  One per spec; its name names the run's folder."""

    kind: ClassVar[str] = "pipeline"

    source: Annotated[str, Holds(text=True)] = field(
        "", description="Where the recipe comes from: a paper, a report."
    )
    runs: Annotated[str, Holds(text=True)] = field(
        "", description="The run's folder, inside the working folder. Default: `runs/<pipeline>/<profile>`."
    )
    store: Annotated[str, Holds(text=True)] = field(
        "runs/artifacts", description="The folder of finished artifacts, which runs share."
    )
    rng: Annotated[int, Holds(kind="count")] = field(
        0, description="Seeds every stage that does not set its own."
    )
