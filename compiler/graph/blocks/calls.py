"""The built-in calls: `builtin(…)`, `perplexity(…)`, `minhash(…)`, `convex(…)` and their kin.

Arguments without a name fill a call's fields in the order written here.
"""

from fractions import Fraction
from typing import Annotated

from ..field import field
from ..schema import CHECKERS, TEXTS, Holds, Schema
from ..values import Portion, Ref

# ---- where things come from ------------------------------------------------------


class Builtin(Schema):
    """Text that comes with Python itself, or is generated; nothing is downloaded."""

    name: Annotated[
        str, Holds(text=True, words=("prose", "code", "skills", "instructions", "preferences"))
    ] = field(
        description="`prose`: docstrings, comments and manual pages of the standard library. "
        "`code`: its sources. `skills`: generated sentences whose answers can be checked. "
        "`instructions`: the same as conversations. "
        "`preferences`: pairs of answers to their questions, the right one over a plausible wrong one."
    )
    wrong: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(0),
        description="Share of the training answers made wrong on purpose (`skills`, `instructions`).",
    )


class Files(Schema):
    """Files of your own: text, JSON lines, Parquet, WARC; compressed or not."""

    pattern: Annotated[str, Holds(text=True)] = field(
        description="Paths below the folder in which the pipeline runs; `*` and `**` match many."
    )


class Synthetic(Schema):
    """Stand-in text of the right size for a rehearsal, generated from a seed."""

    seed: Annotated[int, Holds(kind="count")] = field(0, description="Seeds the generator.")


class Endpoint(Schema):
    """A model behind an OpenAI-compatible address.  The one call that uses the network."""

    url: Annotated[str, Holds(text=True)] = field(description="Base address: `http://127.0.0.1:8000/v1`.")
    model: Annotated[str, Holds(text=True)] = field("", description="The model's name there.")


# ---- yardsticks ----------------------------------------------------------------------


class Perplexity(Schema):
    """Loss on the held-out part of a corpus."""

    corpus: Annotated[Ref, Holds(refers=TEXTS)] = field(description="The corpus whose held-out part is read.")
    sequences: Annotated[int, Holds(kind="examples")] = field(64, description="Documents read at most.")


class ExactMatch(Schema):
    """Share of questions answered exactly right, decoding greedily."""

    corpus: Annotated[Ref | str, Holds(refers=TEXTS, text=True)] = field(
        description="A corpus of questions, as `skills` is, or a file of them."
    )
    questions: Annotated[int, Holds(kind="examples")] = field(200, description="Questions asked.")
    max_new: Annotated[int, Holds(kind="length")] = field(
        16, description="Tokens generated per answer at most."
    )


class MultipleChoice(Schema):
    """Share of questions whose right answer has the highest likelihood."""

    file: Annotated[str, Holds(text=True)] = field(description="Questions with their choices, as JSON lines.")
    shots: Annotated[int, Holds(kind="count")] = field(0, description="Solved examples before each question.")


class Needle(Schema):
    """Share of hidden sentences that are found again, at every length and depth."""

    depths: Annotated[int, Holds(kind="count")] = field(
        10, description="Places at which one is hidden, from the beginning to the end.", ge=1
    )
    lengths: Annotated[int, Holds(kind="count")] = field(
        4, description="Lengths that are tried: the bench's context, half of it, a quarter …", ge=1
    )
    corpus: Annotated[Ref | None, Holds(refers=TEXTS)] = field(
        None, description="Whose held-out part is the haystack. Default: generated sentences."
    )


class Preference(Schema):
    """Share of held-out pairs in which the chosen answer is likelier than the rejected one."""

    data: Annotated[Ref | str, Holds(refers=("preferences", "label"), text=True)] = field(
        description="The pairs, or a file of them as JSON lines."
    )


class Harness(Schema):
    """A task of lm-evaluation-harness, from a folder of yours (an optional extra)."""

    task: Annotated[str, Holds(text=True)] = field(description="The task's name, as its file says it.")
    folder: Annotated[str, Holds(text=True)] = field(
        description="Where the tasks' files and their data lie; nothing is downloaded."
    )
    shots: Annotated[int | None, Holds(kind="count")] = field(
        None, description="Solved examples before each question. Default: as the task says."
    )
    limit: Annotated[int | None, Holds(kind="examples")] = field(
        None, description="Questions asked at most. Default: all."
    )


# ---- curation ------------------------------------------------------------------------


class Exact(Schema):
    """Documents that are the same, to the byte."""


class Minhash(Schema):
    """Documents whose shingles mostly agree (Broder 1997): `bands · rows` hashes."""

    shingle: Annotated[int, Holds(kind="count")] = field(5, description="Words per shingle.", ge=1)
    bands: Annotated[int, Holds(kind="count")] = field(14, description="Bands that are compared.", ge=1)
    rows: Annotated[int, Holds(kind="count")] = field(8, description="Hashes per band.", ge=1)


class Lines(Schema):
    """Lines that come again and again (Llama 3, 3.1.1)."""

    more_than: Annotated[int, Holds(kind="count")] = field(6, description="Times a line may be seen.", ge=1)
    per: Annotated[int, Holds(kind="examples")] = field(
        30_000_000, description="Documents in each bucket that is counted by itself.", ge=1
    )


class HashedLinear(Schema):
    """Logistic regression on hashed words and word pairs."""

    features: Annotated[int, Holds(kind="count")] = field(262_144, description="Buckets.", ge=2)


class FastText(Schema):
    """A fastText classifier (an optional extra)."""

    dims: Annotated[int, Holds(kind="count")] = field(64, description="Size of a word's vector.", ge=1)
    ngrams: Annotated[int, Holds(kind="count")] = field(2, description="Longest run of words.", ge=1)


# ---- keeping --------------------------------------------------------------------------


class Best(Schema):
    """The best answers to each prompt."""

    count: Annotated[int, Holds(kind="count")] = field(1, description="How many.", ge=1)


class Top(Schema):
    """The best part of all.  `top(4, models, by: judge)` picks models instead."""

    share: Annotated[Fraction, Holds(kind="ratio")] = field(description="Which part: `25%`.", gt=0, le=1)


# ---- targets of distillation ------------------------------------------------------------


class Convex(Schema):
    """Cross-entropy against a mixture of the truth and the teacher's best guess (AFM)."""

    label: Annotated[Fraction, Holds(kind="ratio")] = field(description="Weight of the truth.", ge=0, le=1)
    teacher_top1: Annotated[Fraction, Holds(kind="ratio")] = field(
        description="Weight of the teacher's most likely token.", ge=0, le=1
    )


class Distribution(Schema):
    """The teacher's whole distribution (Gemma 2)."""

    temperature: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1), description="Of both distributions.", gt=0
    )


class TopK(Schema):
    """The teacher's k most likely tokens, and the remainder as one more."""

    k: Annotated[int, Holds(kind="count")] = field(description="How many.", ge=1)
    temperature: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1), description="Of both distributions.", gt=0
    )


class OnPolicy(Schema):
    """The student's own answers to prompts (Agarwal et al. 2024)."""

    prompts: Annotated[Ref | Portion, Holds(refers=("prompts",))] = field(description="What is asked.")
    divergence: Annotated[str, Holds(words=("forward", "reverse", "jensen_shannon"))] = field(
        "forward", description="Which Kullback-Leibler divergence, or the Jensen-Shannon one."
    )
    beta: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(1, 2), description="The teacher's share in the mixture of `jensen_shannon`.", gt=0, lt=1
    )
    max_new: Annotated[int, Holds(kind="length")] = field(256, description="Tokens per answer at most.", ge=1)
    temperature: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1), description="Of the answers.", ge=0
    )


# ---- reinforcement learning ---------------------------------------------------------------


class Reinforce(Schema):
    """REINFORCE with a running mean as baseline (Williams 1992)."""


class Rloo(Schema):
    """REINFORCE with the other answers to the prompt as baseline (Ahmadian et al. 2024)."""

    rollouts: Annotated[int, Holds(kind="count")] = field(4, description="Answers per prompt.", ge=1)


class Mdloo(Schema):
    """Mirror descent with leave-one-out advantages (AFM, 4.3.2)."""

    rollouts: Annotated[int, Holds(kind="count")] = field(4, description="Answers per prompt.", ge=1)
    inner: Annotated[int, Holds(kind="count")] = field(
        1, description="Optimizer steps on each batch of answers.", ge=1
    )
    gamma: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1, 10),
        description="Weight of the divergence from the policy that answered; `kl` is that from the reference.",
        gt=0,
    )


class Grpo(Schema):
    """Advantages relative to the group of answers, clipped ratios (DeepSeekMath, 2024)."""

    rollouts: Annotated[int, Holds(kind="count")] = field(8, description="Answers per prompt.", ge=1)
    clip: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(2, 10), description="How far a ratio may leave 1.", gt=0
    )
    inner: Annotated[int, Holds(kind="count")] = field(
        1, description="Optimizer steps on each batch of answers; with one, every ratio is 1.", ge=1
    )


class Ema(Schema):
    """An exponential moving average of the weights that train: theirs, or the policy's (WARP)."""

    rate: Annotated[Fraction, Holds(kind="rate")] = field(
        description="Weight of the newest weights.", gt=0, lt=1
    )


# ---- people and judges ----------------------------------------------------------------------


class People(Schema):
    """A queue of questions for people; the run waits until the folder holds the answers."""

    folder: Annotated[str, Holds(text=True)] = field(description="Where queue and labels lie.")


class Oracle(Schema):
    """A checker that stands for people in a rehearsal."""

    checker: Annotated[str, Holds(words=CHECKERS)] = field(description="The check.")


class SingleSided(Schema):
    """Heads of a reward model that grade one answer by itself (AFM)."""

    weight: Annotated[Fraction, Holds(kind="rate")] = field(
        description="Weight of the grading losses beside the ranking loss.", ge=0
    )


class Command(Schema):
    """A grader of your own: a program that reads answers and writes a score for each."""

    program: Annotated[str, Holds(text=True)] = field(description="Its path, below the working folder.")


CALLS: dict[str, type[Schema]] = {
    "builtin": Builtin,
    "files": Files,
    "synthetic": Synthetic,
    "endpoint": Endpoint,
    "perplexity": Perplexity,
    "exact_match": ExactMatch,
    "multiple_choice": MultipleChoice,
    "needle": Needle,
    "preference": Preference,
    "harness": Harness,
    "exact": Exact,
    "minhash": Minhash,
    "lines": Lines,
    "hashed_linear": HashedLinear,
    "fasttext": FastText,
    "best": Best,
    "top": Top,
    "convex": Convex,
    "distribution": Distribution,
    "top_k": TopK,
    "on_policy": OnPolicy,
    "reinforce": Reinforce,
    "rloo": Rloo,
    "mdloo": Mdloo,
    "grpo": Grpo,
    "ema": Ema,
    "people": People,
    "oracle": Oracle,
    "single_sided": SingleSided,
    "command": Command,
}
