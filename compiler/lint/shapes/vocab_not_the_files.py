"""SHP114 vocab-not-the-files."""

from ...graph.blocks.tokenizer import Tokenizer
from ...units import digits
from ..metadata import vocabulary
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SHP114", "vocab-not-the-files")
def vocab_not_the_files(tokenizer: Tokenizer, spec: Spec) -> Findings:
    """A tokenizer that does not have the entries that the spec says.

    ## What it finds
    A `tokenizer` with a `source` file in the `tokenizer.json` format whose ids are more, or fewer,
    than `vocab`, control tokens included.

    ## Why it matters
    Every size that is derived from `vocab` is then wrong. Papers and articles often print the size
    before the control tokens: 151 642 for Qwen 2, whose file has 151 646.

    ## Example
    ```lehr
    tokenizer ready { source = "models/short/tokenizer.json";  vocab = 1000 }
    ```

    ## Instead
    ```lehr
    tokenizer ready { source = "models/short/tokenizer.json";  vocab = 1024 }
    ```
    """
    file = vocabulary(spec.folder / tokenizer.source) if tokenizer.source else None
    if file is None or file.size == tokenizer.vocab:
        return
    notes = (f"the largest id in {tokenizer.source} is {digits(file.size - 1)}",)
    said = f"`{tokenizer.address}` says {digits(tokenizer.vocab)}"
    headline = f"`{tokenizer.source}` has {digits(file.size)} entries, and {said}"
    yield finding(tokenizer.span("vocab"), headline, notes=notes, help=(f"write `vocab = {file.size}`",))
