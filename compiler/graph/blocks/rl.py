"""`rl`: learn from a judge's opinion of one's own answers."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import CHECKERS, MODELS, Holds
from ..values import Pick, Portion, Ref
from .calls import Command, Ema, Grpo, Mdloo, Reinforce, Rloo
from .trained import Trained


class Rl(Trained):
    """Online reinforcement learning: answer, be judged, take a step."""

    kind: ClassVar[str] = "rl"

    reference: Annotated[Ref | Pick | Ema, Holds(refers=MODELS, calls=("ema",))] = field(
        description="What the policy is held to: a frozen model, or a slow average of itself: `ema(rate: 0.01)`."
    )
    judge: Annotated[Ref | str | Command, Holds(refers=("reward",), words=CHECKERS, calls=("command",))] = (
        field(description="A reward model, a checker, or a program of your own.")
    )
    prompts: Annotated[Ref | Portion, Holds(refers=("prompts",))] = field(description="What is asked.")
    algorithm: Annotated[
        Reinforce | Rloo | Mdloo | Grpo,
        Holds(calls=("reinforce", "rloo", "mdloo", "grpo"), words=("reinforce", "rloo", "mdloo", "grpo")),
    ] = field(description="How advantages are made; a bare name takes its defaults.")
    kl: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(0), description="Weight of the divergence from the reference.", ge=0
    )
    temperature: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1), description="Of the answers.", ge=0
    )
    max_new: Annotated[int, Holds(kind="length")] = field(256, description="Tokens per answer at most.", ge=1)
    length_penalty: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(0), description="Taken from the reward for each token of an answer.", ge=0
    )
    cut_penalty: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(0), description="Taken from the reward of an answer that `max_new` cut off.", ge=0
    )
    template: Annotated[Ref | None, Holds(refers=("template",))] = field(
        None, description="The chat template. Default: the one that the model carries."
    )

    @property
    def answers(self) -> int:
        """Answers that an epoch reads for each prompt: those that it gets, times the steps on each."""
        return getattr(self.algorithm, "rollouts", 1) * getattr(self.algorithm, "inner", 1)
