"""What `reward` and `dpo` read: pairs of answers by name, as their model reads them, and the work laid out on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ...compiler.plan.model import Step, Template, TrainedWork
from ..errors import StageError
from ..parts.chat import carried
from ..parts.chat.template import ChatTemplate
from ..parts.preferences.batches import Example
from ..parts.preferences.examples import examples
from .opened import laid_out

_DATA = "data:"
Work = TypeVar("Work", bound=TrainedWork)
Sets = dict[str, list[Example]]


def folders(inputs: Mapping[str, Path]) -> dict[str, Path]:
    """The data of a stage by the names that its phases share."""
    return {role.removeprefix(_DATA): path for role, path in inputs.items() if role.startswith(_DATA)}


def context(work: TrainedWork) -> int:
    """Tokens of a prompt with one answer, at most."""
    return work.open.context if work.open else max(phase.context for phase in work.phases)


def pairs(
    step: Step,
    inputs: Mapping[str, Path],
    template: ChatTemplate,
    *,
    mask: Sequence[str] = (),
    graded: Sequence[str] = (),
    edits: bool = False,
) -> Sets:
    """Every data set's pairs; a letter where one has none."""
    assert isinstance(step.work, TrainedWork)
    longest = context(step.work)
    found: Sets = {}
    for name, folder in folders(inputs).items():
        found[name] = examples(folder, template, longest, mask=mask, graded=graded, edits=edits)
        if not found[name]:
            headline = f"`{step.address}` finds no pair in `{name}`"
            help = ("a `sample` keeps none where all answers to a prompt are judged alike",)
            raise StageError("RUN145", "nothing-to-learn", headline, help=help, step=step.address)
    return found


def laid_on(work: Work, sets: Sets) -> Work:
    """The work in whole steps, where only these pairs can tell how many they are."""
    if not work.open:
        return work
    tokens = work.open.counts == "tokens"
    return laid_out(work, sum(one.tokens if tokens else 1 for found in sets.values() for one in found))


def leave(template: ChatTemplate, asked: Template | None, model: Path, folder: Path) -> None:
    """The template beside a model that was taught with it: the spec's, or the one that its model carried."""
    if asked:
        carried.write(folder, template.text, template.stop)
    else:
        carried.hand_on(model, folder)
