"""SCH216 window-beyond-context."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...units import digits
from ..ledger import is_pretraining
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH216", "window-beyond-context")
def window_beyond_context(stage: Trained, spec: Spec) -> Findings:
    """Local attention that reaches as far as the whole context.

    ## What it finds
    A `train`, `distill` or `prune` stage whose longest context is no longer than a window of its
    model's arch, so that the local layers are global ones.

    ## Why it matters
    The model is trained as if it had no windows, and runs with them at the first longer text. Gemma 2
    alternates windows of 4 096 with full attention over 8 192.

    ## Example
    ```lehr
    arch local like small { window = [1k, full] }
    init seed { arch = local;  tokenizer = words }
    train near { from = seed;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    arch local like small { window = [256 context, full] }
    init seed { arch = local;  tokenizer = words }
    train near { from = seed;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    course = spec.course(stage) if is_pretraining(stage) else None
    arch = spec.graph.derived.lineage.arch(stage.ref)
    if course is None or arch is None:
        return
    longest = max(one.context for one in course.stretches)
    windows = [window for window in arch.window if isinstance(window, int)]
    if not windows or max(windows) < longest:
        return
    span = stage.span("context") if "context" in stage.spans else stage.header
    also = (Label(arch.span("window"), f"{digits(max(windows))} tokens"),)
    headline = f"no context of `{stage.address}` is longer than the window of `{arch.address}`"
    yield finding(span, headline, also=also, notes=(f"the longest is {digits(longest)}",))
