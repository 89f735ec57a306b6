"""What comes after training: models measured, models handed on."""

from __future__ import annotations

from ...graph.blocks import calls
from ...graph.blocks.bench import Bench
from ...graph.blocks.eval import Eval
from ...graph.blocks.release import Release
from ...graph.blocks.trained import Trained
from ...graph.values import Pick, Ref
from ...units import CONTEXT
from .. import files, model
from .data import dataset, one_model, template, tokenizer, tokens
from .drafts import Drafts

# ---- models measured ---------------------------------------------------------------


def evaluated(drafts: Drafts, block: Eval) -> None:
    """A step for each model, to run as soon as the model is there."""
    benches = {ref.address: drafts.block(ref.address, Bench) for ref in block.benches}
    for of in block.of:
        made = one_model(drafts, of)
        inputs = {"model": made, "tokenizer": tokenizer(drafts, of)}
        for one in benches.values():
            inputs |= read(drafts, one, of)
        work = model.EvalWork(
            benches={name: bench(drafts, one) for name, one in benches.items()},
            continuations=_continuations(block) if of == block.of[-1] else None,
            rng=drafts.rng(block.rng),
        )
        drafts.add(f"{block.address}({made})", block, work, inputs, after=made)


def measured(drafts: Drafts, of: Bench, asked: Ref) -> str:
    """The step that measures a model by one bench: an `eval` of the spec's that has it, or one of its own."""
    made, wanted = one_model(drafts, asked), bench(drafts, of)
    for address, draft in drafts.found.items():
        benches = draft.work.benches if isinstance(draft.work, model.EvalWork) else {}
        if benches.get(of.address) == wanted and draft.inputs["model"] == made:
            return address
    inputs = {"model": made, "tokenizer": tokenizer(drafts, asked), **read(drafts, of, asked)}
    work = model.EvalWork(benches={of.address: wanted}, continuations=None, rng=drafts.rng(None))
    return drafts.add(f"{of.address}({made})", of, work, inputs, after=made)


def read(drafts: Drafts, of: Bench, asked: Ref | Pick) -> dict[str, str]:
    """The data that a bench reads, by role."""
    match of.suite:
        case calls.Perplexity(corpus=corpus):
            return {f"tokens:{corpus.address}": tokens(drafts, corpus, asked)}
        case calls.ExactMatch(corpus=Ref() as corpus):
            return {f"corpus:{corpus.address}": dataset(drafts, corpus)}
        case calls.Needle(corpus=Ref() as corpus):
            return {f"corpus:{corpus.address}": dataset(drafts, corpus)}
        case calls.Preference(data=Ref() as data):
            return {f"data:{data.address}": dataset(drafts, data)}
        case _:
            return {}


def bench(drafts: Drafts, of: Bench) -> model.Bench:
    """A yardstick with its defaults filled in."""
    context = of.context or _longest(drafts)
    match of.suite:
        case calls.Perplexity(corpus=corpus, sequences=sequences):
            return model.Perplexity(corpus=corpus.address, context=context, sequences=sequences)
        case calls.ExactMatch(corpus=corpus, questions=questions, max_new=most):
            named = corpus.address if isinstance(corpus, Ref) else ""
            file = None if isinstance(corpus, Ref) else files.file(corpus)
            return model.ExactMatch(corpus=named, questions=questions, max_new=most, file=file)
        case calls.MultipleChoice(file=path, shots=shots):
            return model.MultipleChoice(file=files.file(path), shots=shots, context=context)
        case calls.Needle(depths=depths, lengths=lengths, corpus=corpus):
            named = corpus.address if corpus else ""
            return model.Needle(depths=depths, lengths=lengths, corpus=named, context=context)
        case calls.Preference(data=data):
            named = data.address if isinstance(data, Ref) else ""
            file = None if isinstance(data, Ref) else files.file(data)
            return model.Preference(data=named, file=file, context=context)
        case calls.Harness(task=task, folder=folder, shots=shots, limit=limit):
            tasks = files.file(folder)
            return model.Harness(task=task, folder=tasks, shots=shots, limit=limit, context=context)


def _longest(drafts: Drafts) -> int:
    lines = (drafts.graph.derived.context(stage) for stage in drafts.graph.of(Trained))
    values = [value for line in lines if line for value, _ in line.values if value.dims == CONTEXT]
    return max((int(value.value) for value in values), default=1024)


def _continuations(block: Eval) -> model.Continuations | None:
    wanted = block.continuations
    if wanted is None:
        return None
    return model.Continuations(
        prompts=wanted.prompts, max_new=wanted.max_new, temperature=float(wanted.temperature)
    )


# ---- models handed on --------------------------------------------------------------


def released(drafts: Drafts, block: Release) -> None:
    inputs = {"model": one_model(drafts, block.model), "tokenizer": tokenizer(drafts, block.model)}
    work = model.ReleaseWork(
        format=block.format,  # pyright: ignore[reportArgumentType]
        template=template(drafts, block.template),
    )
    drafts.add(block.address, block, work, inputs)
