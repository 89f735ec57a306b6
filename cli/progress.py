"""A run on the screen: one line per step, rendered from the run's events.

On a terminal the running step is rewritten in place; elsewhere there are plain
lines only, so that a log stays readable.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import click

from ..compiler.plan import model
from ..compiler.units import digits

VERB = 12  # columns of the verb, right-aligned as cargo has it
_WELL = ("green", "cyan")
"""Colours of what goes as it should; yellow and red do not."""


class Screen:
    """Shows events as they come: `with Screen(plan, colour=True) as screen: run(plan, say=screen)`.

    A quiet one shows those alone that are not as they should be.
    """

    def __init__(self, plan: model.Plan, *, colour: bool, quiet: bool = False) -> None:
        self.plan, self.colour, self.quiet = plan, colour, quiet
        self.wide = max(len(step.address) for step in plan.steps)
        self.live = _Live() if sys.stderr.isatty() and not quiet else None
        self.ran = 0

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.clear()

    def line(self, verb: str, text: str, colour: str = "green") -> None:
        if self.quiet and colour in _WELL:
            return
        if self.live:
            self.live.clear()
        head = verb.rjust(VERB)
        click.echo(f"{click.style(head, fg=colour, bold=True) if self.colour else head} {text}", err=True)

    def __call__(self, event: Any) -> None:
        address, facts = event.step, event.facts
        match event.event:
            case "progress" if self.live:
                self.live.show(f"{'Running'.rjust(VERB)} {address.ljust(self.wide)}  {_progress(facts)}")
            case "resumed":
                self.line("Resuming", f"{address.ljust(self.wide)}  at step {digits(facts['step'])}", "cyan")
            case "done":
                self.ran += 1
                told = summary(self.plan.step(address), facts["facts"])
                self.line(
                    "Done", f"{address.ljust(self.wide)}  {took(facts['seconds']):>7}   {told}".rstrip()
                )
            case "waiting":
                self.line("Waiting", f"{address.ljust(self.wide)}  {facts['for']} makes it now", "cyan")
            case "gate":
                self.line("Gate", f"{address.ljust(self.wide)}  {_gate(facts)}", _colour_of(facts))
            case "checkpoint_corrupt":
                self.line(
                    "Warning", f"checkpoint {facts['path']} fails its checksum and is not used", "yellow"
                )
            case "artifact_altered":
                self.line(
                    "Warning", f"{facts['path']} is not what was written; the step runs again", "yellow"
                )
            case "left_out_prompts":
                left, whole, longest = (digits(facts[name]) for name in ("count", "of", "longest"))
                told = f"{left} of {whole} prompts are longer than {longest} tokens and are left out"
                self.line("Warning", f"{address.ljust(self.wide)}  {told}", "yellow")
            case "workers_lost":
                self.line("Warning", f"{facts['because']}; the data is read without workers", "yellow")
            case _:
                pass


def _gate(facts: dict[str, Any]) -> str:
    """`house.needle == 100% after step 40: measured 0%; not enforced under a scaled profile`."""
    from ..runtime.engine.gates import moment, number
    from ..runtime.engine.ledger import Measured

    passed = facts["passed"]
    one = Measured.model_validate({name: facts[name] for name in Measured.model_fields})
    end = f"; passed by {passed}" if passed else ""
    if not one.met and not one.enforced:
        end = "; not enforced under a scaled profile"
    return f"{one.gate} {moment(one.after)}: {number(one)}{end}"


def _colour_of(facts: dict[str, Any]) -> str:
    return "green" if facts["met"] else "yellow" if facts["passed"] or not facts["enforced"] else "red"


class _Live:
    """One line of a terminal, written over and over."""

    def __init__(self) -> None:
        from rich.console import Console

        self.width = Console(stderr=True).width

    def show(self, text: str) -> None:
        sys.stderr.write(f"\r{text[: self.width - 1]}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _progress(facts: dict[str, Any]) -> str:
    done, total = facts["step"], facts["of"]
    filled = round(20 * done / total)
    bar = "█" * filled + "░" * (20 - filled)
    parts = [f"{bar} {done / total:4.0%}", f"{digits(done)} of {digits(total)}"]
    if "loss" in facts:
        parts.append(f"{losses(facts)}  context {facts['context']}")
        parts.append(f"{digits(round(facts['tokens_per_second']))} tok/s")
    return "  ".join(parts)


def losses(facts: dict[str, Any]) -> str:
    """The loss; beside it what the truth would have cost, where a teacher is imitated, or what a judge says."""
    beside = "".join(f"  {name} {facts[name]:.3f}" for name in ("truth", "reward", "kl") if name in facts)
    return f"loss {facts['loss']:.3f}{beside}"


def summary(step: model.Step, facts: dict[str, Any]) -> str:
    """What a finished step came to, in a few words."""
    match step.work:
        case model.CorpusWork() | model.CurateWork():
            train, heldout = facts["train"], facts["heldout"]
            documents = f"{digits(train['documents'])} documents, {digits(heldout['documents'])} held out"
            return f"{documents}, {train['bytes'] / 1e6:.1f} MB"
        case model.TokenizerWork():
            means = ", ".join(f"{name} {value:.2f}" for name, value in facts["bytes_per_token"].items())
            return f"{digits(facts['vocab'])} entries" + (f"; bytes a token: {means}" if means else "")
        case model.TokenizeWork():
            return f"{digits(facts['train']['tokens'])} tokens, {digits(facts['heldout']['tokens'])} held out"
        case model.InitWork() | model.UpcycleWork():
            return f"{digits(facts['params'])} params"
        case model.TrainedWork():
            return f"{digits(facts['steps'])} steps, {digits(facts['tokens'])} tokens, {losses(facts)}"
        case model.TargetsWork():
            return f"{digits(facts['steps'])} steps, {digits(facts['tokens'])} tokens"
        case model.EvalWork():
            return "  ".join(_score(name, score) for name, score in facts["scores"].items())
        case model.ReleaseWork():
            return ", ".join(facts["files"])
        case _:
            return ""


def _score(name: str, score: dict[str, Any]) -> str:
    return f"{name} {score['value']:{'.1f' if score['suite'] == 'perplexity' else '.0%'}}"


def took(seconds: float) -> str:
    """A duration for people: `4.2s`, `2m 25s`, `3h 07m`."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}m"
