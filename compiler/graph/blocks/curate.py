"""`curate`: raw text becomes text to learn from."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import TEXTS, Block, Holds, Schema
from ..values import Interval, Ref
from .calls import Exact, Lines, Minhash, Top


class Robots(Schema):
    """Leave out pages whose robots.txt said no when they were fetched."""

    agent: Annotated[str, Holds(text=True)] = field(description="The crawler's name.")
    missing: Annotated[str, Holds(words=("keep", "drop"))] = field(
        "keep", description="What becomes of pages whose robots.txt is not on record."
    )


class Extract(Schema):
    """HTML to text."""

    keep: Annotated[tuple[str, ...], Holds(words=("code", "formulas", "tables"), many=True)] = field(
        ("code", "formulas"), description="What is kept beside the prose."
    )


class Language(Schema):
    """Keep documents in some languages."""

    keep: Annotated[tuple[str, ...], Holds(text=True, many=True)] = field(
        description='ISO 639-1 codes: `["en", "de"]`.', least=1
    )
    least: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(65, 100), description="Least probability.", ge=0, le=1
    )


class Heuristics(Schema):
    """Published rules of thumb; a threshold set here replaces theirs."""

    rules: Annotated[tuple[str, ...], Holds(words=("gopher", "c4", "fineweb", "llama3"), many=True)] = field(
        ("gopher", "c4", "fineweb"), description="Which sets of rules."
    )
    words: Annotated[Interval | None, Holds(kind="count", ranges=True)] = field(
        None, description="Words in a document. Default: Gopher's."
    )
    mean_word: Annotated[Interval | None, Holds(kind="count", ranges=True)] = field(
        None, description="Mean length of a word. Default: Gopher's."
    )
    symbols: Annotated[Fraction | None, Holds(kind="ratio")] = field(
        None, description="Most symbols per word. Default: Gopher's.", ge=0
    )
    lines_end_with_punctuation: Annotated[Fraction | None, Holds(kind="ratio")] = field(
        None, description="Least share of such lines. Default: FineWeb's.", ge=0, le=1
    )
    repeated_lines: Annotated[Fraction | None, Holds(kind="ratio")] = field(
        None, description="Most characters in repeated lines. Default: FineWeb's.", ge=0, le=1
    )
    token_divergence: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None,
        description="Most divergence of a document's tokens from the corpus's (Llama 3). Default: off.",
        gt=0,
    )


class Pii(Schema):
    """Personal data."""

    emails: Annotated[str, Holds(words=("replace", "drop", "keep"))] = field(
        "replace", description="What becomes of e-mail addresses, or of documents with them."
    )
    addresses: Annotated[str, Holds(words=("replace", "drop", "keep"))] = field(
        "replace", description="The same for IP addresses."
    )


class Dedup(Schema):
    """Leave out what was there before."""

    by: Annotated[
        str | Exact | Minhash | Lines, Holds(words=("url",), calls=("exact", "minhash", "lines"))
    ] = field(description="What counts as the same: `url`, `exact()`, `minhash(…)` or `lines(…)`.")


class Quality(Schema):
    """Keep what a classifier likes."""

    judge: Annotated[Ref, Holds(refers=("classifier",))] = field(description="The classifier.")
    keep: Annotated[Top | Fraction, Holds(kind="ratio", calls=("top",))] = field(
        description="The best part, `top(40%)`, or the least score."
    )


class Safety(Schema):
    """Leave out documents with too many bad words."""

    most: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(1, 1000), description="Share of words on the list that is let pass.", ge=0, le=1
    )
    words: Annotated[str, Holds(text=True)] = field("", description="A file of your own list, a word a line.")


class Decontaminate(Schema):
    """Leave out documents that contain what the model will be measured by."""

    against: Annotated[tuple[Ref, ...], Holds(refers=("bench",), many=True)] = field(
        description="The benches.", least=1
    )
    grams: Annotated[int | Interval, Holds(kind="count", ranges=True)] = field(
        13, description="Length of the word runs that are compared; a range compares each."
    )
    common: Annotated[int | None, Holds(kind="count")] = field(
        None, description="A run seen this often is common usage and lets pass. Default: none is.", ge=1
    )
    lcs: Annotated[Fraction | None, Holds(kind="ratio")] = field(
        None,
        description="Leave out by the longest common subsequence instead (Qwen 2): at least `grams` words, "
        "and this share of the shorter one.",
        gt=0,
        le=1,
    )


class Limit(Schema):
    """Keep a part of this size, drawn at random."""

    tokens: Annotated[int | None, Holds(kind="tokens")] = field(None, description="Tokens at most.", ge=1)
    examples: Annotated[int | None, Holds(kind="examples")] = field(
        None, description="Documents at most.", ge=1
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")


class Curate(Block):
    """Steps that run in the order written; each says what it dropped and why."""

    kind: ClassVar[str] = "curate"
    steps_within: ClassVar[dict[str, type[Schema]]] = {
        "robots": Robots,
        "extract": Extract,
        "language": Language,
        "heuristics": Heuristics,
        "pii": Pii,
        "dedup": Dedup,
        "quality": Quality,
        "safety": Safety,
        "decontaminate": Decontaminate,
        "limit": Limit,
    }

    of: Annotated[Ref, Holds(refers=TEXTS)] = field(description="The text as it came.")
    workers: Annotated[int | None, Holds(kind="count")] = field(
        None, description="Processes. Default: one per core; the result does not depend on it.", ge=1
    )
    steps: Annotated[tuple[Schema, ...], "in the order written"] = field((), description="The steps.")
