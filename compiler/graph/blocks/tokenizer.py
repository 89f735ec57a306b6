"""`tokenizer`: how text becomes token ids."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import TEXTS, Block, Holds
from ..values import Ref


class Tokenizer(Block):
    """A byte-level BPE vocabulary: trained on texts of the spec, or a file that is there already."""

    kind: ClassVar[str] = "tokenizer"

    sources: Annotated[tuple[Ref, ...], Holds(refers=TEXTS, many=True)] = field(
        (), alias="from", description="The texts whose training parts it learns from."
    )
    source: Annotated[str, Holds(text=True)] = field(
        "", description="A ready one: a `tokenizer.json`. Instead of `from`."
    )
    algorithm: Annotated[str, Holds(words=("bpe",))] = field(
        "bpe", alias="kind", description="How it is trained."
    )
    vocab: Annotated[int, Holds(kind="count")] = field(description="Entries, special tokens included.")
    specials: Annotated[tuple[str, ...], Holds(text=True, many=True)] = field(
        ("<|pad|>", "<|begin|>", "<|end|>"),
        description="Control tokens, first in the vocabulary: `<|pad|>`, `begin` and `end` must be among them.",
    )
    begin: Annotated[str, Holds(text=True)] = field(
        "<|begin|>", description='The control token before every document. `""`: `end` stands there too.'
    )
    end: Annotated[str, Holds(text=True)] = field(
        "<|end|>", description="The control token behind every document."
    )
    digits: Annotated[str, Holds(words=("split", "keep"))] = field(
        "split", description="Whether every digit is a token of its own."
    )
    sample: Annotated[int, Holds(kind="bytes")] = field(
        2_000_000, description="Text read of each corpus at most."
    )
