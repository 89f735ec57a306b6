"""What a slip is, and how one is put into a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .written import Block, Line, Recipe

Change = Callable[[], object]
Places = Callable[[Recipe], Iterator[Change]]
POST = ("sft", "reward", "dpo", "rl")


@dataclass(frozen=True)
class Slip:
    """A kind of fault: what finds it, what may follow from it, and every place of a recipe where it can be made."""

    name: str
    code: str
    places: Places
    also: frozenset[str]


SLIPS: list[Slip] = []


def slip(name: str, code: str, *also: str) -> Callable[[Places], Places]:
    def kept(places: Places) -> Places:
        SLIPS.append(Slip(name, code, places, frozenset(also)))
        return places

    return kept


def put(block: Block, field: str, value: str) -> Change:
    return lambda: block.fields.__setitem__(field, value)


def having(recipe: Recipe, field: str, *kinds: str) -> Iterator[Block]:
    return (one for one in recipe.blocks(*kinds) if field in one.fields)


def pretraining(recipe: Recipe) -> Iterator[Block]:
    """Stages that read text by the token."""
    return (
        one for one in recipe.blocks("train", "distill", "prune") if "on_policy" not in one.fields["data"]
    )


def say(recipe: Recipe, text: str) -> Change:
    return lambda: recipe.parts.append(Line(text))


def first_train(recipe: Recipe) -> Block:
    return recipe.blocks("train")[0]
