"""`release`: what is handed to others."""

from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import MODELS, Block, Holds
from ..values import Ref


class Release(Block):
    """Write a model where people find it: `<run>/release/<name>`."""

    kind: ClassVar[str] = "release"

    model: Annotated[Ref, Holds(refers=MODELS)] = Field(description="The model.")
    format: Annotated[str, Holds(words=("safetensors",))] = Field(
        "safetensors", description="The files' format."
    )
