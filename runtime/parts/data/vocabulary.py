"""Byte-level BPE: how text becomes token ids, and back.

The tokenizer stage trains one on the corpora's training parts; the tokenize
stage encodes documents with it.  Any text comes back as it was, since every byte
is in the alphabet; and a text that spells out a control token stays text.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .. import door
from .documents import Document

BEGIN = "<|begin|>"
END = "<|end|>"
CONFIG = "tokenizer_config.json"
SMALLEST = 256
"""The alphabet of bytes; a vocabulary holds it, the specials and what was learnt."""

# Where no merge may reach across, tried from left to right.
_SPLITS = (
    r"'(?i:[sdmt]|ll|ve|re)",  # English contractions
    r"[^\r\n\p{L}\p{N}]?\p{L}+",  # a word, with the blank or sign before it
    r"{digits}",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*",  # signs, with the blank before and the line ends after them
    r"\s*[\r\n]+",  # line ends, with what blanks stood before them
    r"\s+(?!\S)",  # blanks, but for the last, which belongs to the word
    r"\s+",
)


@dataclass(frozen=True)
class Vocabulary:
    """A trained tokenizer that takes documents for nothing but text."""

    tokenizer: Tokenizer
    begin: int
    """The token before every document; where there is none of its own, the one behind it."""
    end: int
    size: int
    """The largest id and one."""

    @classmethod
    def open(cls, folder: Path) -> Vocabulary:
        """The tokenizer in a folder, with the begin and end that Hugging Face's file beside it names."""
        path = folder / CONFIG
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        begin, end = _named(told.get("bos_token", "")), _named(told.get("eos_token", END))
        return cls.of(Tokenizer.from_file(str(folder / "tokenizer.json")), begin if told else BEGIN, end)

    @classmethod
    def of(cls, tokenizer: Tokenizer, begin: str, end: str) -> Vocabulary:
        """Raises ValueError where the tokenizer has no such tokens.

        Limits that a file sets for somebody's batches are lifted: a document is never cut or padded here.
        """
        if not end:
            raise ValueError("names no token that ends a document")
        first, last = tokenizer.token_to_id(begin or end), tokenizer.token_to_id(end)
        if first is None or last is None:
            raise ValueError(f"has no entry `{begin if begin and first is None else end}`")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True
        return cls(tokenizer, first, last, max(tokenizer.get_vocab().values()) + 1)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, and beside it what names its begin and end."""
        self.tokenizer.save(str(folder / "tokenizer.json"))
        told = {
            "bos_token": self.tokenizer.id_to_token(self.begin) if self.begin != self.end else None,
            "eos_token": self.tokenizer.id_to_token(self.end),
            "tokenizer_class": "PreTrainedTokenizerFast",
        }
        (folder / CONFIG).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's ids, without begin and end; what looks like a control token is spelt out."""
        return [
            found.ids for found in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids; control tokens are left out."""
        return self.tokenizer.decode(list(ids))


def ready(raw: bytes) -> Tokenizer:
    """The tokenizer in a `tokenizer.json` that others wrote; raises ValueError with what is wrong with it."""
    found = door.decoded(raw)
    if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
        raise ValueError("is no tokenizer.json: it has no `model`")
    try:
        return Tokenizer.from_str(raw.decode())
    except Exception as error:  # what the library raises has no type of its own
        raise ValueError(f"is not read by the tokenizers library: {str(error).splitlines()[0]}") from None


def fingerprint(folder: Path) -> str:
    """What a tokenizer does, however its file is laid out: two that agree in it give every text the same ids."""
    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return sha256(found.to_str().encode()).hexdigest()


def _named(token: Any) -> str:
    """A token as Hugging Face's files name it: by its text, by an object that holds it, or not at all."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else ""


def train(texts: Iterable[str], *, vocab: int, specials: Sequence[str], split_digits: bool) -> Tokenizer:
    """Learn a vocabulary of this size; the same texts give the same file, byte for byte."""
    tokenizer = Tokenizer(models.BPE())
    pattern = "|".join(_SPLITS).replace("{digits}", r"\p{N}" if split_digits else r"\p{N}{1,3}")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def sample(documents: Iterable[Document], size: int) -> Iterator[str]:
    """Documents from all over a corpus, up to this many bytes; the last may be cut."""
    left = size
    for document in sorted(documents, key=lambda document: (zlib.crc32(document.id.encode()), document.id)):
        if left <= 0:
            return
        text = document.text.encode()[:left]
        left -= len(text)
        yield text.decode(errors="ignore")
