"""What changed between two pipelines, as one object: `lehr diff` prints it, as a text or as JSON."""

from __future__ import annotations

from typing import Literal

from ...plan.model import Frozen, Origin

Action = Literal["changed", "added", "removed", "renamed"]
Fate = Literal["keep", "again", "run", "orphan"]


class Change(Frozen):
    """A field that is not what it was; None where it was or is not there.

    `grown` is by what share a quantity is larger now.  What `follows` was not written
    otherwise: it changed because something that it comes from did.
    """

    field: str
    before: str | None
    after: str | None
    grown: float | None = None
    follows: bool = False


class Subject(Frozen):
    """What has a name in a pipeline and changed: a block, a param, a claim, a profile.

    The turns of a loop that changed alike are one subject, `post[2..4].judge`; `was`
    is what it was called.
    """

    action: Action
    kind: str
    address: str
    was: str = ""
    origin: Origin | None = None
    changes: tuple[Change, ...] = ()

    @property
    def follows(self) -> bool:
        """Whether nothing in it was written otherwise."""
        return self.action == "changed" and all(one.follows for one in self.changes)


class Consequence(Frozen):
    """What becomes of a step: whether its result is `another` one than before, and what its run would do now.

    `fate` is that of the plan after the change, beside what its run has done:
    keep what is there, run again what was done otherwise, run what never was.
    """

    address: str
    kind: str
    another: bool
    because: str
    fate: Fate


class Difference(Frozen):
    version: int = 1
    before: str
    after: str
    profile: str
    subjects: tuple[Subject, ...]
    steps: tuple[Consequence, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both say the same, whatever a run has done."""
        return not self.subjects and not any(one.another for one in self.steps)
