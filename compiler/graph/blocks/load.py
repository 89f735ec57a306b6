"""`load`: a model that exists already."""

from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import Block, Holds
from ..values import Ref


class Load(Block):
    """Read a Hugging Face folder: safetensors, config and tokenizer."""

    kind: ClassVar[str] = "load"

    path: Annotated[str, Holds(text=True)] = Field(description="The folder.")
    arch: Annotated[Ref | None, Holds(refers=("arch",))] = Field(
        None, description="The model's shape. Default: what the folder's config says."
    )
    tokenizer: Annotated[Ref | None, Holds(refers=("tokenizer",))] = Field(
        None, description="Default: the one in the folder."
    )
