"""A reward model as a judge: it reads the prompt and the answer as the ids that were drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ....compiler.plan.model import Step
from ...errors import StageError
from ..data.vocabulary import fingerprint
from .asked import Asked, Judge

_AT_ONCE = 64


def reward_model(step: Step, inputs: Mapping[str, Path], device: str, tokenizer: str) -> Judge:
    """The model in the input `judge`, or a letter where it reads otherwise than the answers are written."""
    _reads_alike(step, inputs, tokenizer)
    from ..reward.model import RewardModel

    found = RewardModel.load(inputs["judge"]).to(device)

    def judge(asked: Sequence[Asked]) -> list[float]:
        rows = [[*one.given, *one.ids] for one in asked]
        parts = (rows[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE))
        return [float(score) for part in parts for score in found.scores(part)]

    return judge


def _reads_alike(step: Step, inputs: Mapping[str, Path], tokenizer: str) -> None:
    own, theirs = inputs[tokenizer], inputs.get("tokenizer:judge", inputs[tokenizer])
    if own == theirs or fingerprint(own) == fingerprint(theirs):
        return
    raise StageError(
        "RUN222",
        "judge-of-another-tokenizer",
        f"the reward model of `{step.address}` reads with another tokenizer than the answers are written with",
        help=("train the reward model from a model that has the tokenizer of those that answer",),
        step=step.address,
    )
