"""PST212 no-end-token."""

from ...graph.blocks.load import Load
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST212", "no-end-token")
def no_end_token(load: Load, spec: Spec) -> Findings:
    """A model that has no token to end a text with.

    ## What it finds
    A loaded folder whose `tokenizer_config.json` names no `eos_token`, or one that its
    `tokenizer.json` does not have.

    ## Why it matters
    Documents then run into each other in training, and the model never stops writing
    (lit-llama #329, LlamaFactory #5599).

    ## Example
    ```lehr
    load base { path = "models/endless" }
    ```

    ## Instead
    ```lehr
    load base { path = "models/short" }
    ```
    """
    folder = spec.loaded(load)
    if folder.tokenizer_config is None:
        return
    end = folder.token("eos_token")
    if end is None:
        yield finding(load.span("path"), f"the tokenizer of `{load.address}` names no end token")
    elif folder.vocabulary is not None and end not in folder.vocabulary.entries:
        headline = f"the end token of `{load.address}`, `{end}`, is not in its vocabulary"
        yield finding(load.span("path"), headline, notes=(f"{load.path}/tokenizer.json has no such entry",))
