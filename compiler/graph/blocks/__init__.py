"""Block kinds: one documented schema per file, and the dict of them all."""

from ..schema import Block
from .arch import Arch
from .bench import Bench
from .corpus import Corpus
from .eval import Eval
from .init import Init
from .mix import Mix
from .optimizer import Optimizer
from .pipeline import Pipeline
from .release import Release
from .tokenizer import Tokenizer
from .train import Train

KINDS: dict[str, type[Block]] = {
    schema.kind: schema
    for schema in (Pipeline, Corpus, Tokenizer, Mix, Arch, Optimizer, Init, Train, Bench, Eval, Release)
}
