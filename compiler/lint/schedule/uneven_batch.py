"""SCH113 uneven-batch."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH113", "uneven-batch")
def uneven_batch(stage: Trained, spec: Spec) -> Findings:
    """A batch that its replicas cannot share evenly.

    ## What it finds
    A phase whose sequences per step are not a multiple of `parallel.dp`.

    ## Why it matters
    Some replicas would read a sequence more than others. Trainers drop the rest, or stop at the
    first step, after the queue (verl #559).

    ## Example
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 12 sequences;  lr = 1e-3
      parallel { dp = 8 }
    }
    ```

    ## Instead
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 16 sequences;  lr = 1e-3
      parallel { dp = 8 }
    }
    ```
    """
    course, dp = spec.course(stage), stage.parallel.dp if stage.parallel else 1
    bad = next((one for one in course.stretches if one.sequences % dp), None) if course else None
    if bad is None or stage.parallel is None:
        return
    down, up = bad.sequences // dp * dp, -(-bad.sequences // dp) * dp
    near = " or ".join(f"`{digits(one)} sequences`" for one in (down, up) if one)
    yield finding(
        stage.span("batch"),
        f"{digits(bad.sequences)} sequences of `{stage.address}` do not divide among {dp} replicas",
        also=(Label(stage.parallel.span("dp"), "replicas"),),
        notes=(f"{digits(bad.sequences)} / {dp} = {bad.sequences / dp:.2f}",),
        help=(f"write {near}",),
    )
