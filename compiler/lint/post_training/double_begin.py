"""PST209 double-begin."""

from ...graph.blocks.load import Load
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST209", "double-begin")
def double_begin(load: Load, spec: Spec) -> Findings:
    """Two begin tokens before every conversation.

    ## What it finds
    A loaded folder whose chat template writes the begin token, and whose `tokenizer.json` puts one
    before every text as well.

    ## Why it matters
    Models have seen one. A second cost six points of MMLU in a published baseline
    (retaining-by-doing #5), and shows nowhere.

    ## Example
    ```lehr
    load base { path = "models/begins-twice" }
    ```

    ## Instead
    ```lehr
    load base { path = "models/short" }
    ```
    """
    folder = spec.loaded(load)
    begin = folder.token("bos_token")
    if begin is None or folder.template is None or folder.vocabulary is None:
        return
    writes = "bos_token" in folder.template or begin in folder.template
    if writes and begin in folder.vocabulary.begins_with:
        notes = ("the template writes it, and the post-processor of tokenizer.json adds it",)
        yield finding(
            load.span("path"), f"conversations for `{load.address}` begin with two `{begin}`", notes=notes
        )
