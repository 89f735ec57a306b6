"""The model card of a release: what the model is, how it was made, and what it read."""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.plan.model import Arch
from ..model.history import Entry, drawn
from .written import family

_NAMES = {"llama": "Llama", "qwen2": "Qwen2", "qwen2_moe": "Qwen2-MoE", "qwen3": "Qwen3", "gemma2": "Gemma 2"}


def card(arch: Arch, params: int, context: int, history: list[Entry]) -> str:
    return "\n".join(_lines(arch, params, context, history)) + "\n"


def _lines(arch: Arch, params: int, context: int, history: list[Entry]) -> Iterator[str]:
    of = _NAMES[family(arch)]
    yield from (
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        "tags:",
        "- lehr",
        "---",
        "",
    )
    yield from (f"# A {of} of {_spaced(params)} parameters", "")
    yield "Made with Lehr. Weights are fp32; the class of transformers that opens them computes the same logits."
    yield from ("", "## Shape", "", "| | |", "|---|---|")
    yield from (f"| {name} | {value} |" for name, value in _shape(arch, context))
    yield from ("", "## How it was made", "")
    if history:
        yield from ("| stage | steps | tokens | context |", "|---|--:|--:|--:|")
        yield from (f"| {_row(entry)} |" for entry in history)
    else:
        yield "Its weights are as they were drawn: it has not been trained."
    read = drawn(history)
    if read:
        yield from ("", "## What it read", "", "| corpus | tokens | share |", "|---|--:|--:|")
        total = sum(read.values())
        yield from (
            f"| {name} | {_spaced(tokens)} | {tokens / total:.1%} |"
            for name, tokens in sorted(read.items(), key=lambda one: (-one[1], one[0]))
        )
        yield f"| all | {_spaced(total)} | {1:.1%} |"
    yield from (
        "",
        "## Use",
        "",
        "```python",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
    )
    yield from (
        'model = AutoModelForCausalLM.from_pretrained(".")',
        'tokenizer = AutoTokenizer.from_pretrained(".")',
    )
    yield "```"


def _shape(arch: Arch, context: int) -> Iterator[tuple[str, str]]:
    yield "layers", str(arch.layers)
    yield "width", str(arch.width)
    yield "heads", f"{arch.heads} of {arch.head_dim}, {arch.kv_heads} of keys and values"
    if arch.experts:
        of = arch.experts
        yield "experts", f"{of.active} of {of.count}, {of.ffn} wide; shared {of.shared_ffn}"
    else:
        yield "feed-forward", str(arch.ffn)
    yield "vocabulary", _spaced(arch.vocab)
    yield "context", _spaced(context)


def _row(entry: Entry) -> str:
    numbers = [entry.get(name) for name in ("steps", "tokens", "context")]
    return " | ".join([str(entry["kind"]), *("" if one is None else _spaced(one) for one in numbers)])


def _spaced(number: int) -> str:
    return f"{number:_}".replace("_", " ")
