"""BRK201 tokens-changed."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...units import Quantity, show
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec

_LENGTHS = ("tokens", "epochs", "steps")


@rule("BRK201", "tokens-changed", breaks="WEIGHTS")
def tokens_changed(pair: Pair, spec: Spec) -> Findings:
    """A stage that trains on more or less than it did.

    ## What it finds
    Stages whose `tokens`, `epochs` or `steps` came to another value.

    ## Why it matters
    Its weights are others, and so are those of every stage after it; results of the old model do not
    speak for the new one.

    ## Before
    ```lehr
    train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-4 }
    ```

    ## Example
    ```lehr
    train last { from = grown;  data = web;  tokens = 2M;  batch = 4Ki;  lr = 1e-4 }
    ```

    ## Instead
    ```lehr
    train last   { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-4 }
    train longer { from = last;   data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-4 }
    ```
    """
    for old, new in pair.stages():
        changed = [name for name in pair.differ(old, new) if name in _LENGTHS]
        if changed:
            at, was = _set(new), _set(old)
            headline = f"the length of `{new.address}` changed"
            also = (Label(old.span(was), "it was this"),)
            yield finding(new.span(at), headline, also=also, notes=_sum(old, new), stage=new.address)


def _set(stage: Trained) -> str:
    """The field by which a stage says how long it is."""
    return next((name for name in _LENGTHS if stage.value(name) is not None), "tokens")


def _sum(old: Trained, new: Trained) -> tuple[str, ...]:
    """How much longer, where both say it in one unit."""
    before, after = old.value(_set(old)), new.value(_set(new))
    if not (isinstance(before, Quantity) and isinstance(after, Quantity)) or before.dims != after.dims:
        return ()
    return (f"{show(before)} → {show(after)}, {float(after.value / before.value - 1):+.1%}",)
