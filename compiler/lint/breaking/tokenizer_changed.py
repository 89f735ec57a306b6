"""BRK103 tokenizer-changed."""

from collections.abc import Hashable

from ...diagnostics.diagnostic import Label
from ...graph.blocks.tokenizer import Tokenizer
from ...graph.same import Names, below, plain
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("BRK103", "tokenizer-changed", breaks="RELEASE")
def tokenizer_changed(pair: Pair, spec: Spec) -> Findings:
    """A released model that reads other tokens.

    ## What it finds
    Releases whose model has another tokenizer than it had, or one that is learnt from other texts.

    ## Why it matters
    The same text becomes other ids. Whoever keeps the old tokenizer beside the new weights gets
    fluent nonsense and no error.

    ## Before
    ```lehr
    release first { model = grown }
    tokenizer others { from = [web];  vocab = 1024 }
    init fresh { arch = small;  tokenizer = others }
    train last like grown { from = fresh }
    release best { model = last }
    ```

    ## Example
    ```lehr
    release first { model = grown }
    tokenizer others { from = [code];  vocab = 1024 }
    init fresh { arch = small;  tokenizer = others }
    train last like grown { from = fresh }
    release best { model = last }
    ```

    ## Instead
    ```lehr
    release first { model = grown }
    tokenizer others { from = [web];  vocab = 1024 }
    init fresh { arch = small;  tokenizer = others;  rng = 2 }
    train last like grown { from = fresh }
    release best { model = last }
    ```
    """
    for old, new in pair.releases():
        before, after = pair.before.tokenizer(old.model), spec.tokenizer(new.model)
        if before and after and _whole(before, pair.before, pair.names) != _whole(after, spec, {}):
            changed = pair.differ(before, after)
            at = after.span(changed[0]) if changed else after.header
            also = (Label(before.span(changed[0]) if changed else before.header, "it was this"),)
            notes = () if changed else ("its fields are the same; what it is learnt from is not",)
            headline = f"the tokenizer of release `{new.address}` changed"
            yield finding(at, headline, also=also, notes=notes, stage=new.address)


def _whole(tokenizer: Tokenizer, spec: Spec, names: Names) -> set[Hashable]:
    """What a tokenizer and all that it is learnt from say."""
    return {plain(block, names) for block in below(spec.graph, tokenizer.address)}
