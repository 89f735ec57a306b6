"""Who is measured: a model, the vocabulary it reads with, and the artifacts that its benches read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..chat.template import ChatTemplate
from ..data.vocabulary import Vocabulary
from ..model.decoder import Decoder


@dataclass(frozen=True)
class Subject:
    """`rope` is the base that the model was trained with last; `inputs` are artifacts by role.

    Files that benches name lie below `root`.
    """

    model: Decoder
    words: Vocabulary
    rope: float | None
    inputs: Mapping[str, Path]
    root: Path = Path()
    chat: ChatTemplate | None = None
    """How it is asked in conversation; None where it carries no template."""

    @property
    def vocab(self) -> int:
        return self.model.arch.vocab
