"""Small corpora in which every token is another, and a stage that reads them."""

from fractions import Fraction

from lehr.compiler.plan.model import AdamW, Phase, Share, TrainWork
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.data.tokens import TokenSet, collect

OPTIMIZER = AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0)


def phase(steps: int, context: int, sequences: int, **shares: tuple[str, str]) -> Phase:
    return Phase(
        steps=steps,
        context=context,
        sequences=sequences,
        rope=10_000.0,
        shares={
            name: Share(first=Fraction(first), last=Fraction(last)) for name, (first, last) in shares.items()
        },
    )


def work(*phases: Phase, rng: int = 5) -> TrainWork:
    return TrainWork(phases=phases, lr=(), optimizer=OPTIMIZER, average=None, rng=rng, earlier=0)


def corpus(first_id: int, lengths: list[int]) -> TokenSet:
    """A corpus in which every token is another."""
    documents, at = [], first_id
    for length in lengths:
        documents.append(list(range(at, at + length)))
        at += length
    return TokenSet(collect(documents, 1 << 16), collect([], 1 << 16))


SETS = {"a": corpus(0, [5, 9, 2, 7, 1, 6]), "b": corpus(1000, [4, 4, 11, 3])}
GLIDING = work(
    phase(4, 6, 3, a=("3/4", "1/4"), b=("1/4", "3/4")),
    phase(3, 10, 2, a=("1/2", "1/2"), b=("1/2", "1/2")),
)


def told(batch: Batch) -> list[list[list[int]]]:
    return [batch.tokens_BT.tolist(), batch.labels_BT.tolist(), batch.documents_BT.tolist()]
