"""SCH201 lr-jump."""

from fractions import Fraction

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ..rates import before, warms_up
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH201", "lr-jump")
def lr_jump(stage: Trained, spec: Spec) -> Findings:
    """A learning rate that jumps up where one stage hands over to the next.

    ## What it finds
    A `train` or `distill` stage that starts, without a warm-up, at more than `schedule.lr-jump` (2)
    times the rate at which the stage before it ended.

    ## Why it matters
    The loss spikes, and part of what annealing gained is lost. Continued training that overrides
    only the peak mixes old and new rates without a word (Megatron-LM #1284).

    ## Example
    ```lehr
    train slower { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 1e-4 by end }
    train again { from = slower;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 1e-4 by end }
    ```

    ## Instead
    ```lehr
    train slower { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 1e-4 by end }
    train again {
      from = slower;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = slower.lr.end ~> 1e-5 by end
    }
    ```
    """
    found, start = before(stage, spec), stage.lr.start.value
    if found is None or warms_up(stage):
        return
    above, rate = found
    if rate == 0 or start <= Fraction(str(spec.limits.schedule.lr_jump)) * rate:
        return
    also = (Label(above.span("lr"), f"ends at {float(rate):g}"),)
    notes = (f"{float(start):g} / {float(rate):g} = {float(start / rate):.3g}",)
    help = (f"start at `{above.address}.lr.end`, or warm up: `0 ~> {float(start):g} by 1%`",)
    headline = f"the learning rate jumps by {float(start / rate):.3g}× where `{stage.address}` begins"
    yield finding(stage.lr.span, headline, f"starts at {float(start):g}", also=also, notes=notes, help=help)
