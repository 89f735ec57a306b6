"""LIN204 teacher-descends-from-student."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.distill import Distill
from ...graph.blocks.sft import Sft
from ...graph.blocks.trained import Trained
from ...graph.lineage import ref_of
from ..rule import Findings, finding, rule
from ..spec import LEARNT, Spec


@rule("LIN204", "teacher-descends-from-student")
def teacher_descends_from_student(stage: Trained, spec: Spec) -> Findings:
    """A student that is taught by itself, or by what became of it.

    ## What it finds
    A `teacher` that is the very model the stage starts from, or that was trained on from it.

    ## Why it matters
    A model agrees with itself: the loss begins at its floor and nothing is learnt. From a
    descendant, the student learns the way back to a model that exists already.

    ## Example
    ```lehr
    distill echo {
      from = grown;  teacher = grown;  target = distribution();  data = diet;  tokens = 1M
      batch = 4Ki;  lr = 1e-3
    }
    ```

    ## Instead
    ```lehr
    init fresh { arch = small;  tokenizer = words;  rng = 2 }
    distill echo {
      from = fresh;  teacher = grown;  target = distribution();  data = diet;  tokens = 1M
      context = 1k;  batch = 4Ki;  lr = 1e-3
    }
    ```
    """
    teacher = stage.teacher if isinstance(stage, Distill | Sft) else None
    student, named = ref_of(stage.origin), ref_of(teacher) if teacher else None
    if student is None or named is None:
        return
    above = spec.get(student)
    if above is None or (above.kind not in LEARNT and student != named):
        return  # from random weights, a descendant of the same draw may well teach
    if spec.descends(named, student):
        same = student == named
        headline = (
            f"`{stage.address}` learns from the model that it starts from"
            if same
            else f"the teacher of `{stage.address}` descends from its student"
        )
        also = (Label(stage.span("from"), "the student starts here"),)
        notes = () if same else (f"`{student.address}` is on the way to `{named.address}`",)
        yield finding(stage.span("teacher"), headline, also=also, notes=notes)
