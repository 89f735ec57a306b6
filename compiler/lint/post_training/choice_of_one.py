"""PST207 choice-of-one."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.calls import Best
from ...graph.blocks.sample import Sample
from ..draws import drawn, kept, least
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST207", "choice-of-one")
def choice_of_one(sample: Sample, spec: Spec) -> Findings:
    """A selection that has nothing to leave out.

    ## What it finds
    `keep = best(k)` where k answers to a prompt are drawn.

    ## Why it matters
    Rejection sampling rejects nothing: the judge is paid for and changes nothing. One answer is the
    default of a well-known script.

    ## Example
    ```lehr
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  judge = shorter;  keep = best(1) }
    ```

    ## Instead
    ```lehr
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  per_prompt = 8;  judge = shorter;  keep = best(1) }
    ```
    """
    if not isinstance(sample.keep, Best) or not drawn(sample) == least(sample) == kept(sample):
        return
    also = (Label(sample.span("per_prompt"), "drawn"),) if "per_prompt" in sample.spans else ()
    headline = f"`{sample.address}` keeps every answer that it draws"
    yield finding(sample.span("keep"), headline, also=also, help=("draw more: `per_prompt = 8`",))
