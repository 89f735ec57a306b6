"""Facts about models and tokenizers that lie on disk beside a spec, read without torch.

A Hugging Face folder's `config.json`, `tokenizer.json`, `tokenizer_config.json`,
chat template, and the headers of its safetensors.  What is not there is None,
and so is what cannot be read: a rule then has nothing to say.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

from ..graph.counts import Shape

_MOST_BYTES = 64 * 2**20
_HEADER = struct.Struct("<Q")
_MOST_HEADER = 100_000_000
"""The limit of the safetensors format itself."""


def read_text(path: Path) -> str | None:
    """A text file of at most 64 MiB, or None."""
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= _MOST_BYTES else None
    except (OSError, ValueError):
        return None


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object in a file, or None."""
    text = read_text(path)
    try:
        found: Any = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return _table(found) or None


def _table(found: Any) -> dict[str, Any]:
    """A JSON object, or an empty one where it is none."""
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _list(found: Any) -> list[Any]:
    return cast("list[Any]", found) if isinstance(found, list) else []


def header(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a safetensors file; empty where it is none."""
    try:
        with path.open("rb") as file:
            (length,) = _HEADER.unpack(file.read(8))
            found: Any = json.loads(file.read(length)) if length <= _MOST_HEADER else {}
        return {name: tuple(one["shape"]) for name, one in found.items() if name != "__metadata__"}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError):
        return {}


@dataclass(frozen=True)
class Vocabulary:
    """A `tokenizer.json`: its entries by text, and what its post-processor puts around a text."""

    content: dict[str, Any]

    @cached_property
    def entries(self) -> dict[str, int]:
        """Ids by token, added tokens too."""
        raw: Any = _table(self.content.get("model")).get("vocab")
        found = {token: place for token, place in _table(raw).items() if isinstance(place, int)}
        for place, pair in enumerate(_list(raw)):  # Unigram: token and score, in the order of their ids
            found[str(_list(pair)[:1])] = place
        for token in map(_table, _list(self.content.get("added_tokens"))):
            if isinstance(token.get("id"), int):
                found[str(token.get("content"))] = token["id"]
        return found

    @property
    def size(self) -> int:
        """Ids in use: the largest and one."""
        return max(self.entries.values(), default=-1) + 1

    @property
    def begins_with(self) -> frozenset[str]:
        """Special tokens that the post-processor puts before a single text."""
        found: set[str] = set()
        for step in _steps(self.content.get("post_processor")):
            if step.get("type") != "TemplateProcessing":
                continue
            for part in map(_table, _list(step.get("single"))):
                if "Sequence" in part:
                    break
                found.add(str(_table(part.get("SpecialToken")).get("id")))
        return frozenset(found)


def _steps(processor: Any) -> list[dict[str, Any]]:
    """The steps of a post-processor, those inside a sequence one by one."""
    table = _table(processor)
    return [_table(one) for one in _list(table.get("processors"))] or [table]


def vocabulary(path: Path) -> Vocabulary | None:
    """The tokenizer in a `tokenizer.json`."""
    content = read_json(path) if path.suffix == ".json" else None
    return Vocabulary(content) if content is not None and "model" in content else None


@dataclass(frozen=True)
class Folder:
    """A Hugging Face folder."""

    path: Path

    @classmethod
    def at(cls, base: Path, path: str) -> Folder:
        return _folder(base / path)

    @cached_property
    def config(self) -> dict[str, Any] | None:
        return read_json(self.path / "config.json")

    @cached_property
    def vocabulary(self) -> Vocabulary | None:
        return vocabulary(self.path / "tokenizer.json")

    @cached_property
    def tokenizer_config(self) -> dict[str, Any] | None:
        return read_json(self.path / "tokenizer_config.json")

    @cached_property
    def template(self) -> str | None:
        """The chat template: a file of its own, or a field of the tokenizer's configuration."""
        own = read_text(self.path / "chat_template.jinja")
        field: Any = (self.tokenizer_config or {}).get("chat_template")
        return own if own is not None else field if isinstance(field, str) else None

    @cached_property
    def rows(self) -> int | None:
        """Rows of the input embedding, from the headers of the weights."""
        for file in sorted(self.path.glob("*.safetensors")) if self.path.is_dir() else ():
            for name, shape in header(file).items():
                if name.endswith("embed_tokens.weight") and len(shape) == 2:
                    return int(shape[0])
        return None

    @property
    def positions(self) -> int | None:
        """The context that the model was made for."""
        return self._count("max_position_embeddings")

    @property
    def shape(self) -> Shape | None:
        """The shape that the configuration tells of; None where it lacks part of it."""
        layers, width, heads = map(self._count, ("num_hidden_layers", "hidden_size", "num_attention_heads"))
        ffn, vocab = map(self._count, ("intermediate_size", "vocab_size"))
        if not (layers and width and heads and ffn and vocab):
            return None
        return Shape(
            layers=layers,
            width=width,
            heads=heads,
            kv_heads=self._count("num_key_value_heads") or heads,
            head_dim=self._count("head_dim") or width // heads,
            ffn=ffn,
            vocab=vocab,
            tied=bool((self.config or {}).get("tie_word_embeddings")),
            experts=self._count("num_experts") or 0,
            active=self._count("num_experts_per_tok") or 0,
            expert_ffn=self._count("moe_intermediate_size") or 0,
            shared_ffn=self._count("shared_expert_intermediate_size") or 0,
        )

    def token(self, role: str) -> str | None:
        """The token that plays a role, `eos_token`, as the tokenizer's configuration says."""
        found: Any = (self.tokenizer_config or {}).get(role)
        found = _table(found).get("content") or found
        return found if isinstance(found, str) else None

    def _count(self, key: str) -> int | None:
        found: Any = (self.config or {}).get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


@cache
def _folder(path: Path) -> Folder:
    return Folder(path)
