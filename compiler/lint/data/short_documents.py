"""DAT206 short-documents."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.corpus import Corpus
from ...graph.blocks.curate import Curate
from ...graph.blocks.mix import Mix
from ...graph.blocks.trained import Trained
from ...units import digits
from ..ledger import is_pretraining
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("DAT206", "short-documents")
def short_documents(stage: Trained, spec: Spec) -> Findings:
    """A context that no document of the data fills.

    ## What it finds
    A stage whose context is longer than the longest document of every corpus that it reads and
    whose `lengths` are known.

    ## Why it matters
    A sequence is then always several short documents, and positions beyond the longest of them are
    never related to the beginning: the model is not taught the context that it is said to have.

    ## Example
    ```lehr
    corpus notes { tokens = 1B;  lengths = 1k..2k }
    train longer { from = grown;  data = notes;  tokens = 1M;  context = 4k;  batch = 16Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    corpus books { tokens = 1B;  lengths = 1k..64k }
    train longer { from = grown;  data = books;  tokens = 1M;  context = 4k;  batch = 16Ki;  lr = 1e-3 }
    ```
    """
    course = spec.course(stage) if is_pretraining(stage) else None
    for stretch in course.stretches if course else ():
        known = [one for one in _corpora(stretch.source, spec, ()) if one.lengths is not None]
        longest = max((int(one.lengths.high.value) for one in known if one.lengths), default=0)
        if not longest or stretch.context <= longest:
            continue
        span = stage.span("context") if "context" in stage.spans else stage.header
        also = tuple(Label(one.span("lengths"), "its documents") for one in known)
        notes = (f"a sequence has {digits(stretch.context)} tokens, the longest document {digits(longest)}",)
        headline = f"no document is long enough for the context of `{stage.address}`"
        yield finding(span, headline, also=also, notes=notes)
        return


def _corpora(source: str | None, spec: Spec, trail: tuple[str, ...]) -> list[Corpus]:
    """The corpora behind a source, through mixes and curation."""
    block = spec.get(source)
    if block is None or block.address in trail:
        return []
    trail = (*trail, block.address)
    match block:
        case Corpus():
            return [block]
        case Curate():
            return _corpora(block.of.address, spec, trail)
        case Mix():
            return [one for name in block.shares for one in _corpora(name, spec, trail)]
        case _:
            return []
