"""`load`: a model that exists already."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds
from ..values import Ref


class Load(Block):
    """Read a Hugging Face folder: safetensors, config and tokenizer."""

    kind: ClassVar[str] = "load"

    path: Annotated[str, Holds(text=True)] = field(description="The folder.")
    arch: Annotated[Ref | None, Holds(refers=("arch",))] = field(
        None, description="The model's shape. Default: what the folder's config says."
    )
    tokenizer: Annotated[Ref | None, Holds(refers=("tokenizer",))] = field(
        None, description="Default: the one in the folder."
    )
