"""What every part of the plan is made with: exact numbers, frozen models, paths that stay inside."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Exact = Annotated[
    Fraction,
    BeforeValidator(lambda value: Fraction(value)),
    PlainSerializer(str, return_type=str),
    Field(json_schema_extra={"type": "string", "pattern": r"^-?\d+(/\d+)?$"}),
]


def _inside(path: str) -> str:
    if path.startswith(("/", "~")) or "\0" in path or ".." in path.split("/"):
        raise ValueError("a folder of a plan stays inside the folder where it runs")
    return path


Folder = Annotated[str, AfterValidator(_inside)]
"""A path below the working folder."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Work(Frozen):
    """What decides a step's result, and nothing else: its canonical JSON is fingerprinted.

    `edition` is that of the stage's code; it is raised when the code comes to give another result.
    """

    edition: int = 1
