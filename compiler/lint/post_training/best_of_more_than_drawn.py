"""PST101 best-of-more-than-drawn."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.sample import Sample
from ..draws import kept, least
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST101", "best-of-more-than-drawn")
def best_of_more_than_drawn(sample: Sample, spec: Spec) -> Findings:
    """More answers kept than are drawn.

    ## What it finds
    `keep = best(k)` with fewer than k answers to a prompt, and `keep = extremes` with fewer than two.

    ## Why it matters
    The best of nothing is missing; and of a single answer the best is also the worst, so that every
    pair is an answer against itself.

    ## Example
    ```lehr
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  per_prompt = 2;  judge = shorter;  keep = best(4) }
    ```

    ## Instead
    ```lehr
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  per_prompt = 8;  judge = shorter;  keep = best(4) }
    ```
    """
    wanted, there = kept(sample), least(sample)
    if wanted is None or there >= wanted:
        return
    also = (Label(sample.span("per_prompt"), f"{there} drawn"),) if "per_prompt" in sample.spans else ()
    field = "keep" if "keep" in sample.spans else "prompts"
    headline = f"`{sample.address}` keeps {wanted} answers to a prompt and draws {there}"
    yield finding(sample.span(field), headline, also=also)
