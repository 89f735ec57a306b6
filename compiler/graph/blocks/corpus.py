"""`corpus`: text to learn from."""

from typing import Annotated, ClassVar

from ...units import Quantity
from ..field import field
from ..schema import Block, Holds
from ..values import Interval, Ref
from .calls import Builtin, Files, Synthetic


class Corpus(Block):
    """A body of text, split into a part to train on and a part held out."""

    kind: ClassVar[str] = "corpus"

    source: Annotated[Builtin | Files | Synthetic | None, Holds(calls=("builtin", "files", "synthetic"))] = (
        field(
            None,
            description="Where the text comes from. A run needs it; a check does not.",
        )
    )
    tokens: Annotated[Quantity | None, Holds(kind="tokens")] = field(
        None, description="How many tokens there are, for budgets."
    )
    examples: Annotated[Quantity | None, Holds(kind="examples")] = field(
        None, description="How many documents or conversations there are."
    )
    lengths: Annotated[Interval | None, Holds(kind="context", ranges=True)] = field(
        None,
        description="How long its documents are: `8k..1M`. Shorter ones are left out when it is tokenized.",
    )
    text: Annotated[str, Holds(text=True)] = field("text", description="The field of a record that is read.")
    max_bad: Annotated[int, Holds(kind="examples")] = field(
        0,
        description="Records of `files(…)` that may be bad: those are left out and listed. One more fails the run.",
        ge=0,
    )
    license: Annotated[str, Holds(text=True)] = field("", description="Under which terms it may be used.")
    contains: Annotated[tuple[Ref, ...], Holds(refers=("bench",), many=True)] = field(
        (), description="Benches whose questions are known to be in it."
    )
    manifest: Annotated[str, Holds(text=True)] = field(
        "",
        description="A JSON file beside the data that tells what is in it: `tokens`, `documents`, `shortest`, "
        "`longest`, `benches`. What the block says is held against it.",
    )
