"""`tokenizer`: how text becomes token ids."""

from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import Block, Holds
from ..values import Ref


class Tokenizer(Block):
    """A byte-level BPE vocabulary, trained on corpora of the spec."""

    kind: ClassVar[str] = "tokenizer"

    sources: Annotated[tuple[Ref, ...], Holds(refers=("corpus",), many=True)] = Field(
        alias="from", description="The corpora whose training parts it learns from."
    )
    algorithm: Annotated[str, Holds(words=("bpe",))] = Field(
        "bpe", alias="kind", description="How it is trained."
    )
    vocab: Annotated[int, Holds(kind="count")] = Field(description="Entries, special tokens included.")
    specials: Annotated[tuple[str, ...], Holds(text=True, many=True)] = Field(
        ("<|pad|>", "<|begin|>", "<|end|>"),
        description="Control tokens, first in the vocabulary; these three must be among them.",
    )
    digits: Annotated[str, Holds(words=("split", "keep"))] = Field(
        "split", description="Whether every digit is a token of its own."
    )
    sample: Annotated[int, Holds(kind="bytes")] = Field(
        2_000_000, description="Text read of each corpus at most."
    )
