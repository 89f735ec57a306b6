"""`curate`: raw text becomes text to learn from."""

from fractions import Fraction
from typing import Annotated, Any, ClassVar

from ...units import Quantity
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


def _from_to(low: int, high: int) -> Interval:
    return Interval(Quantity(Fraction(low)), Quantity(Fraction(high)))


def _share(percent: int, description: str) -> Any:
    return field(Fraction(percent, 100), description=description, ge=0, le=1)


Ratio = Annotated[Fraction, Holds(kind="ratio")]
Count = Annotated[int, Holds(kind="count")]
Between = Annotated[int | Interval, Holds(kind="count", ranges=True)]
Ratios = Annotated[tuple[Fraction, ...], Holds(kind="ratio", many=True)]


class Heuristics(Schema):
    """Published rules of thumb, in the order of `rules`; a threshold set here replaces theirs."""

    rules: Annotated[tuple[str, ...], Holds(words=("gopher", "c4", "fineweb", "llama3"), many=True)] = field(
        ("gopher", "fineweb", "c4"), description="Which sets of rules, in the order in which they are asked."
    )
    language: Annotated[str, Holds(text=True)] = field(
        "en",
        description="The language that the numbers are for. Documents that `language` found to be in another "
        "pass unjudged, and are counted.",
    )
    words: Between = field(
        _from_to(50, 100_000),
        description="Gopher: words in a document; one number is the least.",
    )
    mean_word: Between = field(
        _from_to(3, 10), description="Gopher: mean length of a word; one number is the least."
    )
    symbols: Ratio = field(
        Fraction(1, 10), description="Gopher: most `#`, and most ellipses, for each word.", ge=0
    )
    bullets: Ratio = _share(90, "Gopher: most lines that begin with a bullet.")
    ellipses: Ratio = _share(30, "Gopher: most lines that end in an ellipsis.")
    letters: Ratio = _share(80, "Gopher: least share of words with a letter.")
    stop_words: Count = field(
        2,
        description="Gopher: least number of different words out of the, be, to, of, and, that, have, with.",
        ge=0,
    )
    duplicate_lines: Ratio = _share(30, "Gopher: most lines that an earlier line equals.")
    duplicate_paragraphs: Ratio = _share(30, "Gopher: most paragraphs that an earlier one equals.")
    duplicate_line_characters: Ratio = _share(20, "Gopher: most characters in such lines.")
    duplicate_paragraph_characters: Ratio = _share(20, "Gopher: most characters in such paragraphs.")
    top_grams: Ratios = field(
        (Fraction(20, 100), Fraction(18, 100), Fraction(16, 100)),
        description="Gopher: most characters in the most frequent run of 2, 3 and 4 words.",
        least=3,
        most=3,
    )
    repeated_grams: Ratios = field(
        tuple(Fraction(percent, 100) for percent in (15, 14, 13, 12, 11, 10)),
        description="Gopher: most characters in runs of 5, 6 … 10 words that were there before.",
        least=6,
        most=6,
    )
    sentences: Count = field(5, description="C4: least number of sentences.", ge=0)
    line_words: Count = field(3, description="C4: least number of words in a line.", ge=0)
    longest_word: Count = field(1000, description="C4: most characters of a word in a line.", ge=1)
    lines_end_with_punctuation: Ratio = _share(12, "FineWeb: least share of such lines.")
    short_lines: Ratio = _share(67, "FineWeb: most lines of `short_line` characters at most.")
    short_line: Count = field(30, description="FineWeb: characters of a short line.", ge=0)
    repeated_lines: Ratio = _share(1, "FineWeb: most characters in lines that an earlier line equals.")
    line_breaks: Ratio = field(Fraction(3, 10), description="FineWeb: most line breaks for each word.", ge=0)
    line_repetition: Ratio = _share(
        50,
        "Llama 3: a line of at least 20 words is left out where more of its characters stand in runs of three words "
        "that were there before. The report gives no number.",
    )
    token_divergence: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None,
        description="Llama 3: most divergence of a document's words from the corpus's, in nats. The report gives no "
        "number. Default: off.",
        gt=0,
    )


class Pii(Schema):
    """Personal data, and secrets: replaced by what is nobody's, or the document is dropped."""

    emails: Annotated[str, Holds(words=("replace", "drop", "keep"))] = field(
        "replace", description="What becomes of e-mail addresses, or of documents with them."
    )
    addresses: Annotated[str, Holds(words=("replace", "drop", "keep"))] = field(
        "replace", description="The same for IP addresses that can be reached from anywhere."
    )
    keys: Annotated[str, Holds(words=("replace", "drop", "keep"))] = field(
        "replace",
        description="The same for private keys, and long random values called key, token or password.",
    )
    phones: Annotated[str, Holds(words=("replace", "drop", "keep"))] = field(
        "keep", description="The same for telephone numbers with a country code (an optional extra)."
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
