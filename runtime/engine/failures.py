"""What can keep a plan from running, and what can end a step, as letters."""

from __future__ import annotations

import os
import re
import shutil
import signal
import traceback
from collections.abc import Callable, Sequence, Set
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Bench, EvalWork, Gate, Measure, Plan, Step, asked
from ..errors import Held, Interrupted, LehrError, Refusal, StageError
from ..stages.able import extras, extras_of, lacking, unreleasable
from ..stages.editions import EDITIONS
from ..stages.outside import unasked, unlike
from ..stages.trouble import is_out_of_memory
from .ledger import State

_LISTED = 8

# ---- before anything starts --------------------------------------------------------


def check(plan: Plan, force: Set[str], missing: Sequence[str]) -> None:
    """Refuse what cannot end well."""
    _refuse_what_no_stage_does(plan)
    fault = _disorder(plan)
    if fault:
        raise Refusal("RUN113", "plan-disordered", fault, help=("let `lehr plan` write it anew",))
    for refusal in unreleasable(plan):
        raise refusal
    _refuse_what_is_not_installed(plan)
    strangers = sorted(force - {step.address for step in plan.steps})
    if strangers:
        help = ("`lehr plan` lists the steps",)
        raise Refusal("RUN114", "no-such-step", f"there is no step `{strangers[0]}` in the plan", help=help)
    if missing:
        headline = f"running a plan needs {', '.join(missing)}"
        help = ("install the extra: `pip install 'lehr[train]'`",)
        raise Refusal("RUN105", "extra-missing", headline, help=help)


def _refuse_what_no_stage_does(plan: Plan) -> None:
    """A kind of step, or part of one, that this version plans and does not run."""
    faults = [(step.address, what) for step in plan.steps for what in lacking(step)]
    if not faults:
        return
    first, what = faults[0]
    notes = [f"`{address}`: {asked}" for address, asked in faults[:_LISTED]]
    notes += [f"and {len(faults) - _LISTED} more"] if len(faults) > _LISTED else []
    raise Refusal(
        "RUN103",
        "no-runner",
        f"this version of Lehr does not run {what} yet",
        notes=(*notes, "the whole language is checked and planned; a later version runs it"),
        step=first,
    )


def _refuse_what_is_not_installed(plan: Plan) -> None:
    """A bench or a step that needs an extra which is not here."""
    for step in plan.steps:
        for what, package, extra in extras_of(step):
            if find_spec(package) is None:
                help = (f"install the extra: `pip install 'lehr[{extra}]'`",)
                headline = f"{what} needs {package}"
                raise Refusal("RUN105", "extra-missing", headline, help=help, step=step.address)
    asked: list[tuple[Bench, str | None]] = [(bench, None) for bench in plan.benches.values()]
    for step in plan.steps:
        if isinstance(step.work, EvalWork):
            asked += [(bench, step.address) for bench in step.work.benches.values()]
    for bench, address in asked:
        for package, extra in extras(bench):
            if find_spec(package) is None:
                headline = f"the suite `{bench.suite}` needs {package}"
                help = (f"install the extra: `pip install 'lehr[{extra}]'`",)
                raise Refusal("RUN105", "extra-missing", headline, help=help, step=address)


def current(plan: Plan, present: Callable[[str], bool]) -> None:
    """Refuse a plan whose steps would have to run with another edition of the code than is here."""
    for step in plan.steps:
        here = EDITIONS.get(step.work.kind)
        if here != step.work.edition and not present(step.fingerprint):
            headline = f"`{step.address}` was planned for edition {step.work.edition} of `{step.work.kind}`"
            notes = (f"this version of Lehr has edition {here}, which comes to other results",)
            help = ("make the plan again from the spec",)
            raise Refusal("RUN117", "other-edition", headline, notes=notes, help=help, step=step.address)


def readable(plan: Plan, present: Callable[[str], bool], root: Path) -> None:
    """Refuse a plan whose steps would have to read what is not there, or not what it was."""
    for step in plan.steps:
        if present(step.fingerprint):
            continue
        found = unlike(step, root) or unasked(step.address, _on_the_way(plan, step), root)
        if found:
            raise Refusal(*found.headed, notes=found.notes, help=found.help, step=step.address)


def _on_the_way(plan: Plan, step: Step) -> list[Bench]:
    """What a stage's own gates measure before it is done."""
    gates = [gate for gate in plan.gates if gate.stage == step.address and gate.steps]
    measures = [one for gate in gates for one in asked(gate.left, gate.right) if isinstance(one, Measure)]
    return [plan.benches[one.bench] for one in measures if one.model == step.address]


def _disorder(plan: Plan) -> str | None:
    """What is wrong with the order or the names of the steps; a plan may come from anywhere."""
    known: set[str] = set()
    for step in plan.steps:
        if step.address in known:
            return f"the plan has two steps `{step.address}`"
        later = sorted(set(step.inputs.values()) - known)
        if later:
            return f"`{step.address}` reads `{later[0]}`, which is no step before it"
        if step.work.kind == "release" and not _is_file_name(step.address):
            return f"`{step.address}` cannot be the name of a folder"
        early = [gate for gate in plan.gates if gate.stage == step.address and not gate.before <= known]
        if early:
            return f"the gate `{early[0].text}` of `{step.address}` reads what comes after it"
        known.add(step.address)
    lost = [gate for gate in plan.gates if not _is_whole(gate, plan, known)]
    return f"the gate `{lost[0].text}` asks for what is not in the plan" if lost else None


def _is_whole(gate: Gate, plan: Plan, known: Set[str]) -> bool:
    benches = {one.bench for one in asked(gate.left, gate.right) if isinstance(one, Measure)}
    return {gate.stage} | gate.scores <= known and benches <= plan.benches.keys()


def _is_file_name(text: str) -> bool:
    return text not in ("", ".", "..") and "/" not in text and "\0" not in text


# ---- while a step runs -------------------------------------------------------------


def ended(error: BaseException) -> tuple[State, dict[str, Any]]:
    """How the ledger and the events call the end of a step; an unforeseen one with its traceback."""
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return "stopped", {"because": str(error)}
    if isinstance(error, Held):
        return "held", {"because": str(error)}
    told = {} if isinstance(error, LehrError) else {"traceback": "".join(traceback.format_exception(error))}
    return "failed", {"because": str(error), **told}


def letter(error: BaseException, step: Step, run: Path, asked: signal.Signals | None) -> BaseException:
    """What ended a step, as the user shall read it."""
    if isinstance(error, Interrupted):
        return error.by(asked)
    if isinstance(error, LehrError):
        error.step = error.step or step.address
        return error
    if isinstance(error, KeyboardInterrupt):
        return error
    found = _os_error(error)
    if is_out_of_memory(found or error):
        return _exhausted(error, step)
    if found:
        return disk(found, run, step.address)
    headline = f"`{step.address}` failed: {type(error).__name__}: {error}"
    notes = (f"the traceback is in {run / 'events.jsonl'}",)
    return StageError("RUN101", "stage-failed", headline, notes=notes, step=step.address)


def _exhausted(error: BaseException, step: Step) -> StageError:
    """Memory was refused outside a training step, which has a letter of its own."""
    measures = isinstance(step.work, EvalWork)
    return StageError(
        "RUN130",
        "out-of-memory",
        f"`{step.address}` ran out of memory",
        notes=(str(error).splitlines()[0],) if str(error) else (),
        help=(
            f"give `{step.address}` more memory, then `lehr resume`; what was finished is kept"
            if not measures
            else f"lower `context` in the benches of `{step.address}`, or give it more memory",
        ),
        step=step.address,
    )


def not_reproduced(step: Step, differing: Sequence[str], artifact: Path) -> StageError:
    return StageError(
        "RUN112",
        "not-reproduced",
        f"`{step.address}` came to another result than before: {', '.join(differing)}",
        notes=(f"{artifact} is kept as it was",),
        help=("look at the versions in its manifest: a library, the machine or the code has changed",),
        step=step.address,
    )


def disk(error: OSError, folder: Path, step: str | None = None) -> StageError:
    """A write or read that failed: where, and how much room there is."""
    place = error.filename or folder
    notes: tuple[str, ...] = ()
    try:
        free = shutil.disk_usage(folder if folder.exists() else Path()).free
        notes = (f"{free / 2**20:,.0f} MiB free under {os.fspath(folder)}",)
    except OSError:
        pass
    headline = f"{place}: {(error.strerror or str(error)).lower()}"
    help = ("make room or rights, then `lehr resume`; what was finished is kept",)
    return StageError("RUN111", "disk", headline, notes=notes, help=help, step=step)


def _os_error(error: BaseException) -> OSError | None:
    """The system's error; safetensors wraps it in an error of its own, with its number in the text."""
    if isinstance(error, OSError):
        return error
    wrapped = re.search(r"os error (\d+)", str(error)) if type(error).__name__ == "SafetensorError" else None
    return OSError(int(wrapped[1]), os.strerror(int(wrapped[1]))) if wrapped else None
