"""BRK104 format-changed."""

from ...diagnostics.diagnostic import Label
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("BRK104", "format-changed", breaks="RELEASE")
def format_changed(pair: Pair, spec: Spec) -> Findings:
    """A release that is written in another format.

    ## What it finds
    Releases whose `format` is not what it was.

    ## Why it matters
    Files are called otherwise, and so are the tensors in them; what loads the one does not load the other.

    ## Before
    ```lehr
    release best { model = grown }
    ```

    ## Example
    ```lehr
    release best { model = grown;  format = huggingface }
    ```

    ## Instead
    ```lehr
    release best    { model = grown }
    release best_hf { model = grown;  format = huggingface }
    ```
    """
    for old, new in pair.releases():
        if old.format != new.format:
            also = (Label(old.span("format"), f"it was {old.format}"),)
            headline = f"`{new.address}` is released as {new.format}"
            yield finding(new.span("format"), headline, also=also, stage=new.address)
