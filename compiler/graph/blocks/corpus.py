"""`corpus`: text to learn from."""

from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import Block, Holds
from .calls import Builtin


class Corpus(Block):
    """A body of text, split into a part to train on and a part held out."""

    kind: ClassVar[str] = "corpus"

    source: Annotated[Builtin, Holds(calls=("builtin",))] = Field(
        description='Where the text comes from: `builtin("prose")`, `builtin("code")` or `builtin("skills")`.'
    )
