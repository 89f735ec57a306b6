"""The tokenizer of a Hugging Face folder: files that are copied, or written for one of ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ...errors import StageError
from ..data.vocabulary import BEGIN, END
from ..model.door import read_json

MAIN, SETTINGS, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
FILES = (MAIN, SETTINGS, "special_tokens_map.json", TEMPLATE)
LARGEST = 128 << 20
"""Bytes of a tokenizer.  That of a vocabulary of 256 000 takes 34 MB."""


def copy(folder: Path, to: Path) -> list[str]:
    """Copy what a folder has of a tokenizer; gives the names of the files."""
    names = [name for name in FILES if (folder / name).is_file()]
    for name in names:
        shutil.copyfile(folder / name, to / name)
    return names


def opened(folder: Path, vocab: int) -> Tokenizer:
    """The tokenizer in a folder, whose ids must all have a row of the embedding."""
    path = folder / MAIN
    if not path.is_file():
        raise _unusable(path, "is not there", "name a `tokenizer` in the spec")
    if path.stat().st_size > LARGEST:
        raise _unusable(path, f"takes more than {LARGEST >> 20} MB")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise _unusable(path, f"is no tokenizer: {error}") from None
    size = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1
    if size > vocab:
        raise _unusable(path, f"has ids up to {size - 1}, and the model's embedding {vocab} rows")
    return tokenizer


def ends(tokenizer: Tokenizer, folder: Path) -> tuple[str | None, str | None]:
    """The tokens that begin and end a text: ours, or what the folder's settings name."""
    path = folder / SETTINGS
    if not path.is_file():
        known = (token if tokenizer.token_to_id(token) is not None else None for token in (BEGIN, END))
        return next(known), next(known)
    told = read_json(path)
    return _token(told.get("bos_token")), _token(told.get("eos_token"))


def settings(begin: str | None, end: str | None, context: int) -> dict[str, dict[str, Any]]:
    """`tokenizer_config.json` and `special_tokens_map.json` for a tokenizer that has neither."""
    special = {name: token for name, token in (("bos_token", begin), ("eos_token", end)) if token}
    return {
        SETTINGS: {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": context,
            "clean_up_tokenization_spaces": False,
            **special,
        },
        "special_tokens_map.json": special,
    }


def completed(files: dict[str, dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Those files, where a folder has none or names no class; what it says of itself stands.

    Without a class transformers takes the one of the model's family, which may split text otherwise.
    """
    if not (folder / SETTINGS).is_file():
        return files
    told = read_json(folder / SETTINGS)
    return {} if "tokenizer_class" in told else {SETTINGS: files[SETTINGS] | told}


def write(folder: Path, files: dict[str, dict[str, Any]]) -> None:
    for name, document in files.items():
        (folder / name).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _token(value: Any) -> str | None:
    """A token as text, or as the object that older folders write."""
    value = value.get("content") if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return value if isinstance(value, str) else None


def _unusable(path: Path, why: str, *help: str) -> StageError:
    return StageError("RUN128", "tokenizer-unusable", f"{path} {why}", help=help)
