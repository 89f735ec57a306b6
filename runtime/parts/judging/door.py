"""Who judges a step's answers: a reward model, a check, or a program of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ....compiler.plan import model
from ...errors import StageError
from .asked import Asked, Judge, NoTruth
from .checkers import checker
from .child import Failed
from .command import command


class Place(Protocol):
    """What a judge needs of the room that a stage works in."""

    @property
    def root(self) -> Path: ...

    @property
    def means(self) -> Any: ...

    @property
    def stopping(self) -> bool: ...


def judge_of(
    step: model.Step,
    judge: model.Model | model.Checker | model.Command,
    inputs: Mapping[str, Path],
    room: Place,
    tokenizer: str = "tokenizer",
) -> Judge:
    """The judge that a plan names; a reward model lies in the input `judge`.

    `tokenizer` is the input that the answers' ids are of.  What goes wrong while it judges is a letter of the step's.
    """
    match judge:
        case model.Checker(name=name):
            found, what = checker(name), f"the check `{name}`"
        case model.Command(program=program):
            found = command(room.root / program.path, room.root, stopping=lambda: room.stopping)
            what = f"the program {program.path}"
        case model.Model():
            from .reward import reward_model

            found, what = reward_model(step, inputs, room.means.device, tokenizer), "the reward model"
    return _in_letters(found, step.address, what)


def _in_letters(judge: Judge, address: str, what: str) -> Judge:
    def judged(asked: Sequence[Asked]) -> list[float]:
        try:
            return judge(asked)
        except NoTruth as error:
            raise StageError(
                "RUN220",
                "no-truth",
                f"{what} has nothing to compare an answer with: {error}",
                help=("give each prompt's row what the check reads, or let another judge decide",),
                step=address,
            ) from None
        except Failed as error:
            raise StageError(
                "RUN221",
                "judge-failed",
                f"{what} {error}",
                notes=tuple(error.said.splitlines()[-4:]),
                help=("mend it, then `lehr resume`: the answers that are there are not drawn again",),
                step=address,
            ) from error

    return judged
