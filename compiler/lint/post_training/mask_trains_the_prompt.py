"""PST203 mask-trains-the-prompt."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.load import Load
from ...graph.blocks.sft import Sft
from ...graph.blocks.template import Template
from ..metadata import read_text
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST203", "mask-trains-the-prompt")
def mask_trains_the_prompt(stage: Sft, spec: Spec) -> Findings:
    """A chat template that does not say which of its text is the answer.

    ## What it finds
    An `sft` stage whose template -- a file beside the spec, or the one in a loaded folder -- has no
    `{% generation %}` block.

    ## Why it matters
    The loss mask is made of those blocks. Without them trainers mask everything, and nothing is
    learnt, or nothing, and the model learns to write the user's part (marin #7237, Megatron-Bridge
    #3359). The stock templates of several families have none.

    ## Example
    ```lehr
    corpus demos { examples = 100k }
    template plain { source = "templates/plain.jinja" }
    sft taught { from = grown;  data = demos;  template = plain;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    ```

    ## Instead
    ```lehr
    corpus demos { examples = 100k }
    template chat { source = "templates/chat.jinja" }
    sft taught { from = grown;  data = demos;  template = chat;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    ```
    """
    template = spec.get(stage.template, Template)
    if template is not None:
        text, span, name = read_text(spec.folder / template.source), template.span("source"), template.source
    else:
        root = spec.graph.derived.lineage.root(stage.origin)
        if not isinstance(root, Load):
            return
        text, span, name = spec.loaded(root).template, root.span("path"), f"the template in {root.path}"
    if text is None or ("generation" in text and "endgeneration" in text):
        return
    at, also = (stage.span("template"), (Label(span, "no `generation` block"),)) if template else (span, ())
    headline = f"the template of `{stage.address}` does not mark the answer"
    notes = (f"{name} has no `{{% generation %}} … {{% endgeneration %}}`",)
    yield finding(at, headline, also=also, notes=notes, help=("put the assistant's turn into such a block",))
