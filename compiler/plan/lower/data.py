"""Data as steps: corpora, tokens, curated and written text, answers and what is thought of them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

from ...graph import sizes
from ...graph.blocks import calls
from ...graph.blocks.bench import Bench
from ...graph.blocks.classifier import Classifier
from ...graph.blocks.corpus import Corpus
from ...graph.blocks.curate import Curate, Decontaminate, Quality, Safety
from ...graph.blocks.label import Label
from ...graph.blocks.preferences import Preferences
from ...graph.blocks.prompts import Prompts
from ...graph.blocks.reward import Reward
from ...graph.blocks.sample import Sample
from ...graph.blocks.synthesize import Synthesize
from ...graph.blocks.template import Template
from ...graph.blocks.tokenizer import Tokenizer
from ...graph.model import Graph
from ...graph.schema import TEXTS, Block, Schema
from ...graph.values import Interval, Pick, Portion, Ref
from ...units import Quantity
from .. import files, library, model
from .drafts import Drafts

_EVERY = model.Checkpoint(every=1, keep=1 << 20)
"""Of what models write: each batch is kept until all are there."""

# ---- what is read -----------------------------------------------------------------


def dataset(drafts: Drafts, data: Ref | Portion) -> str:
    """The step that makes some data; part of it is a step of its own."""
    if isinstance(data, Portion):
        return _part(drafts, data)
    block = drafts.graph.blocks[data.address]
    match block:
        case Corpus():
            size = (block.tokens, block.examples, block.lengths)
            found = _source(drafts, block.source, block.text, *size, max_bad=block.max_bad)
            drafts.add(data.address, block, model.CorpusWork(source=found))
        case Prompts(source=source, examples=examples):
            work = model.PromptsWork(
                source=_source(drafts, source, "prompt", None, examples), examples=examples
            )
            drafts.add(data.address, block, work)
        case Preferences(source=source, examples=examples, batches=batches):
            found = _source(drafts, source, "", None, examples)
            work = model.PreferencesWork(source=found, examples=examples, batches=batches)
            drafts.add(data.address, block, work)
        case _:
            pass  # a stage of its own
    return data.address


def _part(drafts: Drafts, data: Portion) -> str:
    whole = data.whole or drafts.graph.derived.batches(data.of) or 0
    of = f", of: {data.whole}" if data.how == "part" else ""
    work = model.PartWork(how=data.how, argument=data.argument, whole=whole)  # pyright: ignore[reportArgumentType]
    address = f"{data.of.address}.{data.how}({data.argument}{of})"
    return drafts.add(address, drafts.graph.blocks[data.of.address], work, {"data": dataset(drafts, data.of)})


def _source(
    drafts: Drafts,
    source: Any,
    text: str,
    tokens: Any,
    examples: Any,
    lengths: Any = None,
    max_bad: int = 0,
) -> model.Source | None:
    match source:
        case calls.Builtin(name="instructions", wrong=wrong):
            return model.Instructions(examples=_whole(examples), wrong=wrong, rng=drafts.graph.pipeline.rng)
        case calls.Builtin(name=name, wrong=wrong):
            generated = name in ("skills", "preferences")
            return model.Builtin(
                name=name,  # pyright: ignore[reportArgumentType]
                library="" if generated else library.digest(),
                wrong=wrong,
                rng=drafts.graph.pipeline.rng if generated else 0,
            )
        case calls.Files(pattern=pattern):
            return model.Files(pattern=pattern, files=files.matching(pattern), text=text, max_bad=max_bad)
        case calls.Synthetic(seed=seed):
            return model.Synthetic(
                seed=seed,
                tokens=_whole(tokens),
                examples=_whole(examples),
                lengths=(int(lengths.low.value), int(lengths.high.value)) if lengths else None,
            )
        case _:
            return None


def _whole(size: Quantity | int | None) -> int | None:
    return int(size.value) if isinstance(size, Quantity) else size


def size(graph: Graph, block: Block) -> model.Size | None:
    """How much there is of a text, as far as the spec can tell."""
    if block.kind not in TEXTS:
        return None
    found = (sizes.tokens(block.ref, graph.derived.get), sizes.examples(block.ref, graph.derived.get))
    known = [int(one) if isinstance(one, Fraction) else None for one in found]
    return model.Size(tokens=known[0], documents=known[1]) if any(known) else None


def tokenizer(drafts: Drafts, of: Ref | Pick) -> str:
    """The step that makes the tokenizer of a model; a loaded model may bring its own."""
    block = drafts.graph.derived.lineage.tokenizer(of)
    if block is None:
        root = drafts.graph.derived.lineage.root(of)
        assert root
        return root.address
    work = model.TokenizerWork(
        file=files.file(block.source) if block.source else None,
        vocab=block.vocab,
        specials=block.specials if block.sources or "specials" in block.spans else (),
        begin=block.begin,
        end=block.end,
        split_digits=block.digits == "split",
        sample=block.sample,
    )
    inputs = {f"corpus:{source.address}": dataset(drafts, source) for source in block.sources}
    return drafts.add(block.address, drafts.block(block.address, Tokenizer), work, inputs)


def tokens(drafts: Drafts, text: Ref, of: Ref | Pick) -> str:
    """The step that makes the tokens of a text, as a model reads them."""
    reader = tokenizer(drafts, of)
    block = drafts.graph.blocks[text.address]
    lengths = block.lengths if isinstance(block, Corpus) else None
    work = model.TokenizeWork(shortest=int(lengths.low.value) if lengths else 0)
    inputs = {"corpus": dataset(drafts, text), "tokenizer": reader}
    return drafts.add(f"{reader}({text.address})", block, work, inputs)


# ---- models that are asked -----------------------------------------------------------


def one_model(drafts: Drafts, of: Ref | Pick, prompts: str | None = None) -> str:
    """The step that makes a model; the best of several is a step of its own, which asks them something.

    A reward model is asked about the prompts that it learnt from, a check about those that `prompts` holds.
    """
    if isinstance(of, Ref):
        return of.address
    judged, inputs = judge(drafts, of.by)
    asked = _learnt_from(drafts, of.by) or prompts
    inputs |= {"prompts": asked} if asked else {}
    made = {f"model:{place}": one_model(drafts, one, prompts) for place, one in enumerate(of.of)}
    inputs = {**made, **inputs, "tokenizer": tokenizer(drafts, of)}
    work = model.PickWork(count=of.count, judge=judged)
    by = inputs.get("judge", str(of.by))
    first, number = f"top({of.count}, {by})", 2
    address = first
    while address in drafts.found and drafts.found[address].inputs != inputs:
        address, number = f"{first}#{number}", number + 1
    block = drafts.graph.blocks.get(by, drafts.graph.pipeline)
    last = max(inputs.values(), key=drafts.place)
    return drafts.add(address, block, work, inputs, after=last)


def _learnt_from(drafts: Drafts, by: Ref | str) -> str | None:
    """The data that a reward model learnt from."""
    block = drafts.graph.blocks.get(by.address) if isinstance(by, Ref) else None
    data = block.data.start if isinstance(block, Reward) else None
    return dataset(drafts, data) if isinstance(data, Ref | Portion) else None


def judge(drafts: Drafts, by: Any) -> tuple[model.Judge, dict[str, str]]:
    """Who judges, and the inputs that it takes: a reward model, and how that reads."""
    match by:
        case Ref(address=address):
            return model.Model(), {"judge": address, "tokenizer:judge": tokenizer(drafts, by)}
        case calls.Command(program=program):
            return model.Command(program=files.file(program)), {}
        case _:
            return model.Checker(name=by), {}


def template(drafts: Drafts, ref: Ref | None) -> model.Template | None:
    block = drafts.block(ref.address, Template) if ref else None
    return files.template(block.source, block.stop) if block else None


# ---- stages that make data ---------------------------------------------------------------


def made(drafts: Drafts, block: Block) -> None:
    """The step of a stage whose result is data."""
    match block:
        case Curate():
            _curate(drafts, block)
        case Classifier():
            work = model.ClassifierWork(
                model=_call(block.model),  # pyright: ignore[reportArgumentType]
                holdout=block.holdout,
                rng=drafts.rng(block.rng),
            )
            inputs = {"yes": dataset(drafts, block.yes), "no": dataset(drafts, block.no)}
            drafts.add(block.address, block, work, inputs)
        case Sample():
            _sample(drafts, block)
        case Label(by=by):
            work = model.LabelWork(
                people=by.folder if isinstance(by, calls.People) else None,
                oracle=model.Checker(name=by.checker) if isinstance(by, calls.Oracle) else None,  # pyright: ignore[reportArgumentType]
                question=block.question,
            )
            drafts.add(block.address, block, work, {"of": dataset(drafts, block.of)})
        case Synthesize():
            _synthesize(drafts, block)
        case _:
            raise TypeError(f"{block.kind} makes no data")


def _curate(drafts: Drafts, block: Curate) -> None:
    inputs, benches = {"corpus": dataset(drafts, block.of)}, dict[str, model.File]()
    for step in block.steps:
        if isinstance(step, Quality):
            inputs[f"quality:{step.judge.address}"] = step.judge.address
        for ref in step.against if isinstance(step, Decontaminate) else ():
            suite = drafts.block(ref.address, Bench).suite
            if isinstance(suite, calls.Needle):
                continue  # its haystack is no question
            asked = getattr(suite, "corpus", None) or getattr(suite, "data", None)
            if isinstance(asked, Ref):
                inputs[f"decontaminate:{ref.address}"] = dataset(drafts, asked)
            elif isinstance(path := asked or getattr(suite, "file", None), str):
                benches[ref.address] = files.file(path)
    filters = tuple(
        model.Filter(kind=type(step).__name__.lower(), settings=_settings(step))  # pyright: ignore[reportArgumentType]
        for step in block.steps
    )
    work = model.CurateWork(filters=filters, benches=benches, rng=drafts.rng(None))
    drafts.add(block.address, block, work, inputs)


def _settings(schema: Schema) -> dict[str, Any]:
    found = {name: _plain(schema.value(name)) for name in type(schema).fields()}
    if isinstance(schema, Safety) and schema.words:
        found["words"] = files.file(schema.words).model_dump()
    return found


def _plain(value: Any) -> Any:
    """A setting as JSON has it."""
    match value:
        case Fraction():
            return str(value)
        case Quantity(value=number):
            return _plain(int(number) if number.denominator == 1 else number)
        case Interval(low=low, high=high):
            return [_plain(low), _plain(high)]
        case Ref(address=address):
            return address
        case tuple():
            return [_plain(item) for item in cast("tuple[Any, ...]", value)]
        case Schema():
            return _call(value)
        case _:
            return value


_NAMES = {schema: name for name, schema in calls.CALLS.items()}


def _call(value: Schema) -> dict[str, Any]:
    """A call with its name: `{"kind": "minhash", "shingle": 5, …}`."""
    return {"kind": _NAMES[type(value)], **_settings(value)}


def _sample(drafts: Drafts, block: Sample) -> None:
    drawn = block.per_prompt
    per = (int(drawn.low.value), int(drawn.high.value)) if isinstance(drawn, Interval) else (drawn, drawn)
    judged, inputs = judge(drafts, block.judge) if block.judge is not None else (None, dict[str, str]())
    keep = block.keep
    endpoints = {f"model:{at}": one for at, one in enumerate(block.origin) if isinstance(one, calls.Endpoint)}
    work = model.SampleWork(
        endpoints={role: model.Endpoint(url=one.url, model=one.model) for role, one in endpoints.items()},
        per_prompt=per,
        judge=judged,
        keep=keep if isinstance(keep, str) else "best" if isinstance(keep, calls.Best) else "top",  # pyright: ignore[reportArgumentType]
        count=keep.count if isinstance(keep, calls.Best) else None,
        share=keep.share if isinstance(keep, calls.Top) else None,
        temperature=float(block.temperature),
        top_p=float(block.top_p),
        max_new=block.max_new,
        stop=block.stop,
        template=template(drafts, block.template),
        rng=drafts.rng(block.rng),
    )
    prompts = dataset(drafts, block.prompts)
    models = {
        f"model:{place}": one for place, one in enumerate(block.origin) if not isinstance(one, calls.Endpoint)
    }
    asked = {role: one_model(drafts, one, prompts) for role, one in models.items()}
    inputs = {**asked, "prompts": prompts, **inputs}
    for role, one in models.items():
        reader = tokenizer(drafts, one)
        if inputs.setdefault("tokenizer", reader) != reader:
            inputs[role.replace("model", "tokenizer")] = reader
    drafts.add(block.address, block, work, inputs, _EVERY)


def _synthesize(drafts: Drafts, block: Synthesize) -> None:
    judged, inputs = judge(drafts, block.keep) if block.keep != "all" else (None, dict[str, str]())
    endpoint = block.by if isinstance(block.by, calls.Endpoint) else None
    inputs = {"seeds": dataset(drafts, block.seeds), **inputs}
    if isinstance(block.by, Ref | Pick):
        inputs |= {"model": one_model(drafts, block.by), "tokenizer": tokenizer(drafts, block.by)}
    work = model.SynthesizeWork(
        endpoint=model.Endpoint(url=endpoint.url, model=endpoint.model) if endpoint else None,
        template=files.template(block.template),
        count=block.count,
        max_new=block.max_new,
        temperature=float(block.temperature),
        judge=judged,
        rng=drafts.rng(block.rng),
    )
    drafts.add(block.address, block, work, inputs, _EVERY)
