"""A training stage's course as the plan has it: phases, intervals, averages, in whole steps.

`lower` calls this for every `train`; the course comes from `graph.phases`, shares from `graph.shares`.
"""

from __future__ import annotations

from ..graph.blocks.trained import Average
from ..graph.model import Graph
from ..graph.phases import Course, Stretch, nearest_step
from ..graph.shares import Diet, diets, groups
from . import model


def phases(course: Course, graph: Graph) -> tuple[model.Phase, ...]:
    """The course cut wherever shapes or shares change their way."""
    found: list[model.Phase] = []
    for group in groups(course):
        eaten = diets(group[0].source or "", graph.blocks.get, group[0].start, course, group[-1].end)
        for diet in eaten:
            stretch = next(s for s in group if s.start <= diet.start < s.end)
            found.append(_phase(stretch, diet))
    return tuple(found)


def _phase(stretch: Stretch, diet: Diet) -> model.Phase:
    return model.Phase(
        steps=diet.end - diet.start,
        context=stretch.context,
        sequences=stretch.sequences,
        rope=float(stretch.rope),
        shares={
            name: model.Share(first=share, last=diet.last[name])
            for name, share in diet.first.items()
            if share or diet.last[name]
        },
    )


def average(wanted: Average | None, course: Course) -> model.Average | None:
    """Which steps' weights the stage's result is the mean of."""
    if wanted is None:
        return None
    every = course.interval(wanted.every)
    return model.Average(first=nearest_step(course.place(wanted.start)) or every, every=every)
