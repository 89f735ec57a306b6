"""The steps that make data: corpora, tokens, curated and written text, answers, labels, choices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Exact, Folder, Frozen, Work

# ---- where things come from ------------------------------------------------------


class Builtin(Frozen):
    """Text that comes with Python, or is generated."""

    kind: Literal["builtin"] = "builtin"
    name: Literal["prose", "code", "skills", "preferences"]
    library: str = Field(description="the Python whose library is read, and a digest of it")
    wrong: Exact = Field(description="share of the answers made wrong on purpose (skills)")
    rng: int


class Files(Frozen):
    """Files below the working folder."""

    kind: Literal["files"] = "files"
    pattern: Folder
    files: dict[str, str] = Field(
        description="what the pattern matched: each file's size and a digest of how it begins and ends, "
        "empty where it cannot be read"
    )
    text: str = Field(description="the field of a record that is read")
    max_bad: int = Field(description="records that may be bad, and are left out; one more fails the run")


class Synthetic(Frozen):
    """Stand-in data of the right size, generated from a seed."""

    kind: Literal["synthetic"] = "synthetic"
    seed: int
    tokens: int | None
    examples: int | None
    lengths: tuple[int, int] | None = Field(description="tokens of the shortest and the longest document")


class Instructions(Frozen):
    """Questions of `skills` as a user asks them, with their answers, as conversations."""

    kind: Literal["instructions"] = "instructions"
    examples: int | None = Field(description="conversations; None leaves it to the run")
    wrong: Exact = Field(description="share of the answers made wrong on purpose")
    rng: int


Source = Annotated[Builtin | Files | Instructions | Synthetic, Field(discriminator="kind")]


class File(Frozen):
    """A file or folder of the user's, as it was when the plan was made; no digest where it was not there."""

    path: str
    digest: str


class Template(Frozen):
    """A Jinja2 template, carried whole; no text where its file was not there."""

    path: str
    text: str | None
    stop: tuple[str, ...] = Field(default=(), description="tokens that end an answer")


# ---- corpora and tokens ----------------------------------------------------------


class CorpusWork(Work):
    """Write a corpus's documents, split into train and held out."""

    kind: Literal["corpus"] = "corpus"
    source: Source | None = Field(description="None where the spec names no source: a run needs one")


class PromptsWork(Work):
    """Questions without answers."""

    kind: Literal["prompts"] = "prompts"
    source: Source | None
    examples: int | None


class PreferencesWork(Work):
    """Pairs of answers with the one that people chose, in batches."""

    kind: Literal["preferences"] = "preferences"
    source: Source | None
    examples: int | None
    batches: int


class PartWork(Work):
    """Part of some data: batches `until` or the `latest`, part `i` of `n`, a category filtered or upsampled."""

    kind: Literal["part"] = "part"
    how: Literal["until", "latest", "part", "filtered", "upsampled"]
    argument: str | int
    whole: int = Field(description="of how many parts or batches")


class TokenizerWork(Work):
    """Train a byte-level BPE on the training splits of its inputs, or read a ready file."""

    kind: Literal["tokenizer"] = "tokenizer"
    file: File | None = Field(description="the ready one, where there is one")
    vocab: int
    specials: tuple[str, ...]
    begin: str = Field(description="the control token before every document; empty: `end` stands there")
    end: str = Field(description="the control token behind every document")
    split_digits: bool
    sample: int = Field(description="bytes read of each corpus at most")


class TokenizeWork(Work):
    """Turn a corpus's documents into token ids."""

    kind: Literal["tokenize"] = "tokenize"
    shortest: int = Field(default=0, description="tokens of a document, at least; shorter ones are left out")


# ---- curation --------------------------------------------------------------------


class HashedLinear(Frozen):
    kind: Literal["hashed_linear"] = "hashed_linear"
    features: int


class FastText(Frozen):
    kind: Literal["fasttext"] = "fasttext"
    dims: int
    ngrams: int


class ClassifierWork(Work):
    """Tell the texts of `yes` from those of `no`."""

    kind: Literal["classifier"] = "classifier"
    model: Annotated[HashedLinear | FastText, Field(discriminator="kind")]
    holdout: Exact
    rng: int


Scalar = str | int | bool | None
Setting = Scalar | list[Scalar] | dict[str, Scalar]
"""Fractions are strings, as `Exact` writes them."""


class Filter(Frozen):
    """One step of a curation: its name in the language, and its settings with defaults filled in.

    A setting that is a call, `minhash(…)`, is an object with its `kind`; a block that it names is
    an input, in the role `<kind of filter>:<address>`.
    """

    kind: Literal[
        "robots",
        "extract",
        "language",
        "heuristics",
        "pii",
        "dedup",
        "quality",
        "safety",
        "decontaminate",
        "limit",
    ]
    settings: dict[str, Setting]


class CurateWork(Work):
    """Filters in the order written; each drops documents and says why."""

    kind: Literal["curate"] = "curate"
    filters: tuple[Filter, ...]
    benches: dict[str, File] = Field(description="files of questions that text is cleared of")
    rng: int


# ---- what models write, and what is thought of it ------------------------------------


class Command(Frozen):
    """The user's own grader."""

    kind: Literal["command"] = "command"
    program: File


class Checker(Frozen):
    """A check of an answer that needs no model."""

    kind: Literal["checker"] = "checker"
    name: Literal["exact_answer", "contains", "well_formed", "shorter", "unit_tests"]


class Model(Frozen):
    """A reward model: the input in the role `judge`."""

    kind: Literal["model"] = "model"


Judge = Annotated[Model | Checker | Command, Field(discriminator="kind")]


class Endpoint(Frozen):
    """A model behind an OpenAI-compatible address."""

    url: str
    model: str


class SampleWork(Work):
    """Let the models in the roles `model:0`, `model:1` … answer `prompts`, and keep some of the answers.

    A model whose tokenizer is not the first one's has its own in the role `tokenizer:1` …
    """

    kind: Literal["sample"] = "sample"
    endpoints: dict[str, Endpoint] = Field(default={}, description="of the roles that an endpoint takes")
    per_prompt: tuple[int, int] = Field(description="answers of each model to each prompt, least and most")
    judge: Judge | None
    keep: Literal["all", "extremes", "best", "top"]
    count: int | None = Field(description="answers kept of each prompt (`best`)")
    share: Exact | None = Field(description="share of all answers kept (`top`)")
    temperature: float
    top_p: float
    max_new: int
    stop: tuple[str, ...] = Field(default=(), description="texts that end an answer")
    template: Template | None = Field(description="None is the one that the model carries")
    rng: int


class LabelWork(Work):
    """Preferences about answers, by people or by a check that stands for them."""

    kind: Literal["label"] = "label"
    people: str | None = Field(description="the folder of the queue")
    oracle: Checker | None
    question: str


class SynthesizeWork(Work):
    """Let a model write documents from a template filled with `seeds`."""

    kind: Literal["synthesize"] = "synthesize"
    endpoint: Endpoint | None = Field(description="None: the model in the role `model` writes")
    template: Template
    count: int
    max_new: int
    temperature: float
    judge: Judge | None = Field(description="None keeps all")
    rng: int


class PickWork(Work):
    """The best `count` of the models in the roles `model:0` … by a judge of their answers to `prompts`."""

    kind: Literal["pick"] = "pick"
    count: int
    judge: Judge
