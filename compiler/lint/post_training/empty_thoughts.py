"""PST211 empty-thoughts."""

import re

from ...graph.blocks.template import Template
from ..metadata import read_text
from ..rule import Findings, finding, rule
from ..spec import Spec

_ANSWER = re.compile(r"\{%-?\s*generation\s*-?%\}(.*?)\{%-?\s*endgeneration\s*-?%\}", re.S)
_EMPTY = re.compile(r"<(think|thought|reasoning)>(?:\s|\\n)*</\1>")


@rule("PST211", "empty-thoughts")
def empty_thoughts(template: Template, spec: Spec) -> Findings:
    """A template that teaches the model to think nothing.

    ## What it finds
    A `template` whose `{% generation %}` block writes an empty pair of reasoning tags itself.

    ## Why it matters
    The tags are part of the supervised answer in every turn, whatever the data say, and the model
    learns to open and close its thoughts at once (Automodel #3739).

    ## Example
    ```lehr
    template chat { source = "templates/thinks-nothing.jinja" }
    ```

    ## Instead
    ```lehr
    template chat { source = "templates/chat.jinja" }
    ```
    """
    text = read_text(spec.folder / template.source) or ""
    for answer in _ANSWER.findall(text):
        found = _EMPTY.search(answer)
        if found:
            headline = f"`{template.address}` writes an empty `<{found[1]}>` into every answer"
            help = ("put the empty tags before `{% generation %}`, where they are not learnt",)
            yield finding(template.span("source"), headline, help=help)
            return
