"""`template`: how a conversation becomes text."""

from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import Block, Holds


class Template(Block):
    """A chat template in Jinja2, rendered in an immutable sandbox."""

    kind: ClassVar[str] = "template"

    source: Annotated[str, Holds(text=True)] = Field(description="The template's file, beside the spec.")
    stop: Annotated[tuple[str, ...], Holds(text=True, many=True)] = Field(
        (), description="Tokens that end an answer."
    )
