"""A complete Hugging Face folder out of a model, its tokenizer and its history.

After `written` (the config) and `model.weights` (the shards); `release` and `lehr export hf` call it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..model.decoder import Decoder
from ..model.history import Entry, context
from ..model.weights import SHARD, write
from . import tokenizer as tokens
from .card import card
from .written import config


def export(
    model: Decoder,
    history: list[Entry],
    tokenizer: Path,
    to: Path,
    *,
    template: str | None = None,
    stop: tuple[str, ...] = (),
    shard: int = SHARD,
) -> list[str]:
    """Write config, weights, tokenizer and card; gives the names of the files.

    `template` is the chat template, in place of the one beside the tokenizer; `stop` are the tokens that
    end an answer.
    """
    arch = model.arch
    longest = context(history, _stretched(model))
    vocabulary = tokens.opened(tokenizer, arch.vocab)
    begin, end = tokens.ends(vocabulary, tokenizer)
    first, last = (vocabulary.token_to_id(token) if token else None for token in (begin, end))
    files: dict[str, dict[str, Any]] = {
        "config.json": config(arch, longest, first, last),
        "generation_config.json": _generation(first, _all(last, vocabulary, stop)),
    }
    copied = tokens.copy(tokenizer, to)
    files |= tokens.completed(tokens.settings(begin, end, longest), to)
    tokens.write(to, files)
    texts = {"README.md": card(arch, model.params, longest, history)}
    if template is not None:
        texts[tokens.TEMPLATE] = template
    for name, text in texts.items():
        (to / name).write_text(text, encoding="utf-8")
    return sorted({*copied, *files, *texts, *write(model, to, shard)})


def _stretched(model: Decoder) -> int:
    """The context of a model that says none: what its positions were stretched to, or a customary one."""
    scaling = model.arch.rope_scaling
    return round(scaling.original * scaling.factor) if scaling else 2048


def _all(last: int | None, vocabulary: Any, stop: tuple[str, ...]) -> list[int]:
    """Ids that end a text or an answer."""
    found = [last, *(vocabulary.token_to_id(token) for token in stop)]
    return list(dict.fromkeys(one for one in found if one is not None))


def _generation(first: int | None, ends: list[int]) -> dict[str, Any]:
    ids: dict[str, Any] = {"bos_token_id": first, "eos_token_id": ends[0] if len(ends) == 1 else ends or None}
    return {name: value for name, value in ids.items() if value is not None}
