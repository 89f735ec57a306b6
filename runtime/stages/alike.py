"""Two models of which one imitates the other read alike: the same ids for the same text, and as many of them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ...compiler.plan.model import Step
from ..errors import StageError
from ..parts.data.vocabulary import Vocabulary

_LISTED = 3


def same_tokenizer(step: Step, inputs: Mapping[str, Path], role: str = "teacher") -> None:
    """A letter where the files of the two tokenizers do not mean the same, whatever they are called.

    Of a model whose tokenizer is not among the inputs the plan knows that it is the stage's own.
    """
    own, theirs = inputs["tokenizer"], inputs.get(f"tokenizer:{role}", inputs["tokenizer"])
    if own == theirs:
        return
    ours, others = Vocabulary.open(own), Vocabulary.open(theirs)
    if fingerprint(ours) == fingerprint(others):
        return
    raise StageError(
        "RUN170",
        "other-tokenizer",
        f"the {role} of `{step.address}` reads with another tokenizer than its {_other(role)}",
        notes=(
            f"the {_other(role)}'s: {_told(ours)}",
            f"the {role}'s: {_told(others)}",
            *_differing(ours, others),
        ),
        help=("let both have one tokenizer: an id means another text to each of them",),
        step=step.address,
    )


def same_vocabulary(step: Step, student: int, teacher: int) -> None:
    """A letter where one embeds more ids than the other: their distributions are over different things."""
    if student != teacher:
        raise StageError(
            "RUN171",
            "other-vocabulary",
            f"the teacher of `{step.address}` embeds {teacher} ids, and its student {student}",
            help=("give both an arch of the same `vocab`; padding beyond the tokenizer's size is allowed",),
            step=step.address,
        )


def _other(role: str) -> str:
    """Whose the step is."""
    return "student" if role == "teacher" else "policy"


def fingerprint(words: Vocabulary) -> str:
    """Of what a tokenizer does: everything in its file, and which ids begin and end a document."""
    told = f"{words.begin} {words.end} {words.tokenizer.to_str()}"
    return sha256(told.encode()).hexdigest()


def _told(words: Vocabulary) -> str:
    return f"{words.size} ids, fingerprint {fingerprint(words)[:12]}"


def _differing(ours: Vocabulary, others: Vocabulary) -> list[str]:
    """The first ids that stand for another text."""
    most = min(ours.size, others.size)
    pairs = ((at, ours.tokenizer.id_to_token(at), others.tokenizer.id_to_token(at)) for at in range(most))
    unlike = [
        f"id {at} is {one!r} to one and {other!r} to the other" for at, one, other in pairs if one != other
    ]
    return unlike[:_LISTED]
