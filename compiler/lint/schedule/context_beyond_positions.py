"""SCH114 context-beyond-positions."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.load import Load
from ...graph.blocks.trained import Trained
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH114", "context-beyond-positions")
def context_beyond_positions(stage: Trained, spec: Spec) -> Findings:
    """A loaded model trained past the positions that it was made for, without a plan for them.

    ## What it finds
    A stage on a loaded model whose context exceeds `max_position_embeddings` of the folder's
    `config.json`, while no stage on the way moves `rope` and its arch has no `rope_scaling`.

    ## Why it matters
    The model has never seen such rotations: loss at the new positions is several times higher
    (unsloth #6907), and exported configs have kept the short limit (ms-swift #5146).

    ## Example
    ```lehr
    load base { path = "models/short" }
    train longer { from = base;  data = diet;  tokens = 1M;  context = 8k;  batch = 32Ki;  lr = 1e-4 }
    ```

    ## Instead
    ```lehr
    load base { path = "models/short" }
    train longer {
      from = base;  data = diet;  tokens = 1M;  context = 8k;  batch = 32Ki;  lr = 1e-4;  rope = 100_000
    }
    ```
    """
    root = spec.graph.derived.lineage.root(stage.origin)
    course = spec.course(stage)
    if not isinstance(root, Load) or course is None:
        return
    limit = spec.loaded(root).positions
    longest = max(one.context for one in course.stretches)
    arch = spec.graph.derived.lineage.arch(stage.ref)
    moved = any(isinstance(one, Trained) and one.rope for one in spec.graph.derived.lineage.of(stage.ref))
    if limit is None or longest <= limit or moved or (arch and arch.rope_scaling):
        return
    yield finding(
        stage.span("context"),
        f"`{stage.address}` goes past the positions of `{root.address}`",
        also=(Label(root.span("path"), f"{digits(limit)} positions"),),
        notes=(f"{digits(longest)} tokens of context, `max_position_embeddings` is {digits(limit)}",),
        help=("move the base with `rope = …`, or give the model an arch with `rope_scaling`",),
    )
