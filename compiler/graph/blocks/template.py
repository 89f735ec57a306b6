"""`template`: how a conversation becomes text."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds


class Template(Block):
    """A chat template in Jinja2, rendered in an immutable sandbox."""

    kind: ClassVar[str] = "template"

    source: Annotated[str, Holds(text=True)] = field(description="The template's file, beside the spec.")
    stop: Annotated[tuple[str, ...], Holds(text=True, many=True)] = field(
        (), description="Tokens that end an answer."
    )
