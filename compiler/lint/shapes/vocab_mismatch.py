"""SHP103 vocab-mismatch."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.distill import Distill
from ...graph.blocks.dpo import Dpo
from ...graph.blocks.init import Init
from ...graph.blocks.load import Load
from ...graph.blocks.merge import Merge
from ...graph.blocks.reward import Reward
from ...graph.blocks.rl import Rl
from ...graph.blocks.sample import Sample
from ...graph.blocks.sft import Sft
from ...graph.counts import Shape
from ...graph.lineage import Model
from ...graph.schema import Block
from ...graph.values import Pick, Ref
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SHP103", "vocab-mismatch")
def vocab_mismatch(block: Block, spec: Spec) -> Findings:
    """Two vocabularies where there must be one.

    ## What it finds
    A model with fewer embedding rows than its tokenizer has ids; a teacher, judge, reference or
    partner of a merge that reads with another tokenizer than its model; and a teacher that embeds
    more or fewer ids than its student, padding included.

    ## Why it matters
    Ids mean different tokens on the two sides. Where the sizes happen to agree nothing crashes, and
    the loss is noise (trl #1674, torchtune #2119).

    ## Example
    ```lehr
    arch tiny like small { vocab = 512 }
    init other { arch = tiny;  tokenizer = words }
    ```

    ## Instead
    ```lehr
    arch tiny like small { vocab = words.vocab }
    init other { arch = tiny;  tokenizer = words }
    ```
    """
    if isinstance(block, Init | Load):
        yield from _rows(block, spec)
    for model, other, field, role in _pairs(block, spec):
        if role == "teacher":
            yield from _widths(block, field, spec.shape(model), spec.shape(other))
        mine, theirs = spec.tokenizer(model), spec.tokenizer(other)
        if mine is None or theirs is None or mine.address == theirs.address:
            continue
        headline = (
            f"the {role} of `{block.address}` reads with `{theirs.address}`, and not with `{mine.address}`"
        )
        also = (Label(mine.header, "the model's"), Label(theirs.header, f"the {role}'s"))
        yield finding(block.span(field), headline, also=also, help=("let both have one tokenizer",))


def _widths(block: Block, field: str, student: Shape | None, teacher: Shape | None) -> Findings:
    """Their distributions are over different things; what pads a vocabulary is part of it."""
    if student is None or teacher is None or student.vocab == teacher.vocab:
        return
    theirs, own = digits(teacher.vocab), digits(student.vocab)
    headline = f"the teacher of `{block.address}` embeds {theirs} ids, and its student {own}"
    yield finding(block.span(field), headline, help=("give both an arch of the same `vocab`",))


def _rows(block: Init | Load, spec: Spec) -> Findings:
    shape, tokenizer = spec.shape(block.ref), spec.tokenizer(block.ref)
    if shape is None or tokenizer is None or shape.vocab >= tokenizer.vocab:
        return
    arch = spec.graph.derived.lineage.arch(block.ref)
    name, span = (arch.address, arch.span("vocab")) if arch else (block.address, block.header)
    headline = f"`{name}` embeds {digits(shape.vocab)} ids, and its tokenizer has {digits(tokenizer.vocab)}"
    also = (Label(tokenizer.span("vocab"), "ids up to here"),)
    help = (f"write `vocab = {tokenizer.address}.vocab`",) if arch else ()
    yield finding(span, headline, also=also, help=help)


def _pairs(block: Block, spec: Spec) -> list[tuple[Model, Model, str, str]]:
    """(model, other, field, role) of every two models that have to read alike."""
    match block:
        case Distill(origin=origin, teacher=teacher):
            return [(origin, teacher, "teacher", "teacher")]
        case Sft(origin=origin, teacher=Ref() | Pick() as teacher):
            return [(origin, teacher, "teacher", "teacher")]
        case Dpo(origin=origin, reference=reference):
            return [(origin, reference, "reference", "reference")]
        case Rl(origin=origin):
            roles = (("reference", block.reference), ("judge", _judge(block.judge, spec)))
            return [(origin, other, role, role) for role, other in roles if isinstance(other, Ref | Pick)]
        case Sample(models=(first, *_)):
            other = _judge(block.judge, spec)
            return [(first, other, "judge", "judge")] if other else []
        case Merge(of=(first, *others), base=base):
            partners = [(first, other, "of", "partner") for other in others]
            return partners + ([(first, base, "base", "base")] if isinstance(base, Ref | Pick) else [])
        case _:
            return []


def _judge(judge: object, spec: Spec) -> Model | None:
    found = spec.get(judge, Reward) if isinstance(judge, Ref) else None
    return found.origin if found else None
