"""Block kinds: one documented schema per file, and the dict of them all."""

from ..schema import Block
from .arch import Arch
from .bench import Bench
from .classifier import Classifier
from .cluster import Cluster
from .corpus import Corpus
from .curate import Curate
from .distill import Distill
from .dpo import Dpo
from .eval import Eval
from .init import Init
from .label import Label
from .load import Load
from .merge import Merge
from .mix import Mix
from .optimizer import Optimizer
from .pipeline import Pipeline
from .preferences import Preferences
from .prompts import Prompts
from .prune import Prune
from .release import Release
from .reward import Reward
from .rl import Rl
from .sample import Sample
from .sft import Sft
from .synthesize import Synthesize
from .template import Template
from .tokenizer import Tokenizer
from .train import Train
from .upcycle import Upcycle

_RESOURCES = (
    Pipeline,
    Arch,
    Tokenizer,
    Corpus,
    Mix,
    Prompts,
    Preferences,
    Template,
    Optimizer,
    Bench,
    Cluster,
)
_DATA = (Curate, Classifier, Synthesize)
_MODELS = (Init, Load, Train, Distill, Prune, Upcycle, Sft, Reward, Sample, Label, Dpo, Rl, Merge)
_RESULTS = (Eval, Release)

KINDS: dict[str, type[Block]] = {schema.kind: schema for schema in (*_RESOURCES, *_DATA, *_MODELS, *_RESULTS)}
"""Every kind but `profile`, whose statements edit the others: see `profile`."""
