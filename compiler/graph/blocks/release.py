"""`release`: what is handed to others."""

from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import MODELS, Block, Holds
from ..values import Pick, Ref


class Release(Block):
    """Write a model where people find it: `<run>/release/<name>`."""

    kind: ClassVar[str] = "release"

    model: Annotated[Ref | Pick, Holds(refers=(*MODELS, "reward"))] = Field(description="The model.")
    format: Annotated[str, Holds(words=("safetensors", "huggingface"))] = Field(
        "safetensors",
        description="`huggingface` adds config, tokenizer, chat template and a model card.",
    )
    template: Annotated[Ref | None, Holds(refers=("template",))] = Field(
        None, description="The chat template that goes with it. Default: the one that the model carries."
    )
