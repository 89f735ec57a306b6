"""SCH105 two-curves-meet."""

from itertools import pairwise

from ...diagnostics.diagnostic import Label
from ..rule import Findings, Moving, finding, rule
from ..spec import Spec


@rule("SCH105", "two-curves-meet")
def two_curves_meet(moving: Moving, spec: Spec) -> Findings:
    """Two arrows of a timeline that end at the same point.

    ## What it finds
    A glide and a jump, or two jumps, of one field at the same point.

    ## Why it matters
    The field would have two values there, and one of the two arrows says nothing.

    ## Example
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 5e-4 by 500k -> 1e-4 at 500k
    }
    ```

    ## Instead
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 5e-4 by 500k -> 1e-4 at 750k
    }
    ```
    """
    for first, second in pairwise(moving.line.legs):
        if first.point == second.point:
            also = (Label(first.point_span, "and this one too"),)
            headline = f"two changes of `{moving.field}` of `{moving.block.address}` fall on one point"
            yield finding(second.point_span, headline, also=also, stage=moving.block.address)
