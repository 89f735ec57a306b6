"""`release`: what is handed to others."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import MODELS, Block, Holds
from ..values import Pick, Ref


class Release(Block):
    """Write a model where people find it: `<run>/release/<name>`."""

    kind: ClassVar[str] = "release"

    model: Annotated[Ref | Pick, Holds(refers=(*MODELS, "reward"))] = field(description="The model.")
    format: Annotated[str, Holds(words=("safetensors", "huggingface"))] = field(
        "safetensors",
        description="`huggingface` adds config, tokenizer, chat template and a model card.",
    )
    template: Annotated[Ref | None, Holds(refers=("template",))] = field(
        None, description="The chat template that goes with it. Default: the one that the model carries."
    )
