"""LNT301 not-checked."""

from ...graph.blocks.corpus import Corpus
from ...graph.blocks.load import Load
from ...graph.blocks.template import Template
from ...graph.blocks.tokenizer import Tokenizer
from ...graph.schema import Block
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("LNT301", "not-checked")
def not_checked(block: Block, spec: Spec) -> Findings:
    """A file that a spec points to and that is not there.

    ## What it finds
    A loaded model's folder, a ready tokenizer, a chat template or a corpus's manifest that does not
    lie where the spec says, seen from the working folder.

    ## Why it matters
    Sizes, positions, control tokens and loss masks are read from such files. Where they are missing,
    as on a laptop that only checks, silence does not mean that all is well.

    ## Example
    ```lehr
    load base { path = "models/elsewhere" }
    ```

    ## Instead
    ```lehr
    load base { path = "models/short" }
    ```
    """
    field, path = _file(block)
    if path and not (spec.folder / path).exists():
        yield finding(block.span(field), f"not checked: there is no {path} here")


def _file(block: Block) -> tuple[str, str]:
    """The field that names a file, and the file."""
    match block:
        case Load(path=path):
            return "path", path
        case Tokenizer(source=path) | Template(source=path):
            return "source", path
        case Corpus(manifest=path):
            return "manifest", path
        case _:
            return "", ""
