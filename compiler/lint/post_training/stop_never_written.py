"""PST210 stop-never-written."""

from ...graph.blocks.template import Template
from ..metadata import read_text
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST210", "stop-never-written")
def stop_never_written(template: Template, spec: Spec) -> Findings:
    """A stop token that the template never writes.

    ## What it finds
    A `template` whose file does not contain one of the texts in its `stop`.

    ## Why it matters
    The model never sees it end an answer and will not write it. Six families shipped markers that
    never match, a blank or a line end apart (unsloth #7062, #6926).

    ## Example
    ```lehr
    template chat { source = "templates/chat.jinja";  stop = ["<|eot_id|>"] }
    ```

    ## Instead
    ```lehr
    template chat { source = "templates/chat.jinja";  stop = ["<|end|>"] }
    ```
    """
    text = read_text(spec.folder / template.source)
    for stop in template.stop if text is not None else ():
        if text is not None and stop not in text and stop.encode("unicode_escape").decode() not in text:
            headline = f"`{template.address}` never writes `{stop}`"
            yield finding(template.span("stop"), headline, notes=(f"it is not in {template.source}",))
