"""Byte-level BPE: how text becomes token ids, and back.

The tokenizer stage trains one on the corpora's training parts; the tokenize
stage encodes documents with it.  Any text comes back as it was, since every byte
is in the alphabet; and a text that spells out a control token stays text.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .documents import Document

BEGIN = "<|begin|>"
END = "<|end|>"
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
    end: int

    @classmethod
    def open(cls, folder: Path) -> Vocabulary:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        begin, end = tokenizer.token_to_id(BEGIN), tokenizer.token_to_id(END)
        if begin is None or end is None:
            raise ValueError(f"{folder}: a tokenizer needs {BEGIN} and {END} among its specials")
        tokenizer.encode_special_tokens = True
        return cls(tokenizer, begin, end)

    @property
    def size(self) -> int:
        return self.tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's ids, without begin and end; what looks like a control token is spelt out."""
        return [
            found.ids for found in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids; control tokens are left out."""
        return self.tokenizer.decode(list(ids))


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
