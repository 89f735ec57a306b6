"""`mix`: corpora and their shares."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds
from ..values import Timeline


class Mix(Block):
    """Corpora with their shares of the tokens.  Shares may glide, and add up to 100 % at every point.

    Each field is the name of a corpus, or of another mix.  One share may be
    `rest`: what the others leave.  Percent and `end` in a share run over the
    stretch of the stage in which the mix is in use.
    """

    kind: ClassVar[str] = "mix"
    any_field: ClassVar[Holds | None] = Holds(kind="ratio", moves=True, words=("rest",))

    def needs(self) -> list[str]:
        return list(self.shares)

    shares: Annotated[dict[str, Timeline], "free"] = field(description="Share by corpus or mix.")
