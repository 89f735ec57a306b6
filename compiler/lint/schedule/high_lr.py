"""SCH208 high-lr."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ..rates import peak
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH208", "high-lr")
def high_lr(stage: Trained, spec: Spec) -> Findings:
    """A learning rate that a model of this width does not survive.

    ## What it finds
    A stage whose highest learning rate times the width of its model exceeds `schedule.lr-width` (10).

    ## Why it matters
    With Adam-like updates the largest stable rate falls with the width (Yang et al. 2022, muP). AFM
    prints a peak of 0.01 at width 3 072, which holds under muP alone; taken into a plain optimizer it
    diverges in the first steps.

    ## Example
    ```lehr
    train more { from = newborn;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 0.3 }
    ```

    ## Instead
    ```lehr
    train more { from = newborn;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 3e-3 }
    ```
    """
    shape, rate = spec.shape(stage.ref), peak(stage)
    if shape is None or float(rate) * shape.width <= spec.limits.schedule.lr_width:
        return
    span = next(span for value, span in stage.lr.values if value.value == rate)
    arch = spec.graph.derived.lineage.arch(stage.ref)
    also = (Label(arch.span("width"), "width"),) if arch else ()
    most = spec.limits.schedule.lr_width
    notes = (
        f"{float(rate):g} × {shape.width} = {float(rate) * shape.width:.3g}, and {most:g} is much already",
    )
    yield finding(
        span, f"a learning rate of {float(rate):g} is high for `{stage.address}`", also=also, notes=notes
    )
