"""PST208 pad-is-end."""

from ...graph.blocks.load import Load
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST208", "pad-is-end")
def pad_is_end(load: Load, spec: Spec) -> Findings:
    """A padding token that is the end token too.

    ## What it finds
    A loaded folder whose `tokenizer_config.json` names one token as `pad_token` and `eos_token`.

    ## Why it matters
    Here padding is told by its place, and nothing is lost. Whatever masks by the token's id -- the
    peers that the model is handed to -- masks the end of every answer too, and the model never
    learns to stop (trl #3200, #6357).

    ## Example
    ```lehr
    load base { path = "models/pads-with-end" }
    ```

    ## Instead
    ```lehr
    load base { path = "models/short" }
    ```
    """
    folder = spec.loaded(load)
    pad, end = folder.token("pad_token"), folder.token("eos_token")
    if pad is not None and pad == end:
        notes = (f"`{pad}` is `pad_token` and `eos_token` in {load.path}/tokenizer_config.json",)
        headline = f"`{load.address}` pads with the token that ends a text"
        yield finding(load.span("path"), headline, notes=notes, help=("give padding a token of its own",))
