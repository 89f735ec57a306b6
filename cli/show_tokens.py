"""`lehr explain STAGE --tokens`: a conversation that a stage learns from, token by token, with what the loss is on."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ..runtime.errors import LehrError
from .operands import Operand, opened
from .options import find_specs, show_failure, wants_colour
from .stores import store_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..compiler.plan.model import Plan, Step
    from ..runtime.parts.chat.shown import Token

_COLOURS = {"prompt": "cyan", "answer": "green", "template": "bright_black", "truncated": "red"}


def show(
    what: str, spec: str | None, settings: tuple[str, ...], profile: str, row: int, form: str, color: str
) -> int:
    """Print the row and give the exit code; the tokenizer and the data must have been made by a run."""
    plan, step = _found(what, spec, settings, profile)
    try:
        told = _told(plan, step, row)
    except LehrError as error:
        return show_failure(error, plan, color)
    if form == "json":
        click.echo(json.dumps({**told, "tokens": [asdict(one) for one in told["tokens"]]}, indent=2))
    else:
        click.echo(text(told, wants_colour(color)))
    return 0


def text(told: dict[str, Any], coloured: bool) -> str:
    """Runs of one kind line by line; a bar stands between tokens, and `·` for a blank."""
    from ..runtime.parts.chat.shown import lines

    found: list[Token] = told["tokens"]
    learnt = sum(one.kind == "answer" for one in found)
    cut = sum(one.kind == "truncated" for one in found)
    verdict = (
        f"{learnt} learnt" if not cut else f"{cut} beyond the context: the row is left out, none is learnt"
    )
    head = f"{told['stage']}   {told['row']}   {len(found)} of {told['context']} tokens, {verdict}"
    body = [
        f"  {_painted(kind.ljust(9), kind, coloured)}  {_painted('|'.join(texts), kind, coloured)}"
        for kind, texts in lines(found)
    ]
    return "\n".join((head, *body))


def _painted(text: str, kind: str, coloured: bool) -> str:
    return click.style(text, fg=_COLOURS[kind]) if coloured else text


def _found(what: str, spec: str | None, settings: tuple[str, ...], profile: str) -> tuple[Plan, Step]:
    for path in find_specs([spec] if spec else []):
        side = opened(Operand(path), settings, profile)
        plan = side.pipeline.plan if side.pipeline else None
        step = next((one for one in plan.steps if one.address == what), None) if plan else None
        if plan and step:
            return plan, step
    raise click.UsageError(f"no stage of a spec here is called `{what}`")


def _told(plan: Plan, step: Step, row: int) -> dict[str, Any]:
    from ..compiler.plan.model import SftWork
    from ..runtime.parts.chat.rows import read_conversations
    from ..runtime.parts.chat.shown import tokens
    from ..runtime.parts.chat.template import ChatTemplate
    from ..runtime.parts.data.vocabulary import Vocabulary

    work = step.work
    if not isinstance(work, SftWork):
        raise click.UsageError(f"`{step.address}` is a {work.kind}, and learns from no conversation")
    words = Vocabulary.open(_made(plan, step.inputs["tokenizer"]))
    source = next(name for role, name in step.inputs.items() if role.startswith("data:"))
    one = next(islice(read_conversations(_made(plan, source)), row, None), None)
    if one is None:
        raise click.UsageError(f"`{source}` has no row {row}: they are counted from 0")
    carries = work.template is None
    template = ChatTemplate.of(
        work.template, words, _made(plan, step.inputs["model"]) if carries else None
    ).teaches()
    context = work.open.context if work.open else min(phase.context for phase in work.phases)
    found = tokens(template.encode(one.messages), words, context)
    return {"stage": step.address, "row": one.id, "data": source, "context": context, "tokens": found}


def _made(plan: Plan, address: str) -> Path:
    folder = store_of(plan).find(plan.step(address).fingerprint)
    if folder is None:
        raise click.UsageError(
            f"`{address}` is not made yet: `lehr run` makes it, and then its tokens are shown"
        )
    return folder
