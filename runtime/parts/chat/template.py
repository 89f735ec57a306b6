"""A conversation as token ids, with what the loss is on: piece by piece, as the template's own spans say.

The template gives segments, and each is encoded by itself: a content with control tokens spelt out, the
template's text with control tokens as what they are.  So a mask is exact, and nobody who writes `<|end|>`
into a question ends it.  What is never done is to encode the whole and look for its parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ....compiler.plan.model import Template
from ...errors import StageError
from ..data.vocabulary import Vocabulary
from . import carried
from .child import Child
from .marks import Broken, Segment, segments
from .rendering import Failed, Render, compiled
from .rows import Turn, told

PLAIN = "plain"
_SHIPPED = Path(__file__).parent / "templates"
_CONTROL = re.compile(r"<\|[^<>|\s]{1,40}\|>|<(?:start|end)_of_turn>|</?s>|<[be]os>")
"""What looks like a control token in the text of a template."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A conversation's ids; of each, whether the assistant generates it, and whether it is the template's own."""

    ids: list[int]
    supervised: list[bool]
    control: list[bool]


@dataclass(frozen=True)
class ChatTemplate:
    text: str
    words: Vocabulary
    stop: tuple[str, ...] = ()
    """Tokens that end an answer beside those that the template itself writes behind one."""
    name: str = "the chat template"

    @classmethod
    def of(cls, template: Template | None, words: Vocabulary, model: Path | None = None) -> ChatTemplate:
        """The spec's, else the one that the model in a folder carries, else the plain one.

        Raises StageError where it cannot be used with this vocabulary.
        """
        if template is not None:
            if template.text is None:
                raise TypeError("a template that is not there is refused before a run")
            made = cls(template.text, words, template.stop, template.path)
        elif model is not None and (text := carried.text(model)) is not None:
            made = cls(text, words, carried.stops(model), "the model's chat template")
        else:
            made = cls(shipped(PLAIN), words, (), "the plain chat template")
        made._look()
        return made

    # ---- rendering ---------------------------------------------------------------------

    def segments(self, turns: Sequence[Turn], is_open: bool = False) -> list[Segment]:
        """The pieces of a conversation; `is_open` begins an answer after them.  Raises StageError."""
        try:
            return list(segments(self._render(told(turns), is_open, self._special)))
        except Failed as failed:
            raise _failed(self.name, failed) from None
        except Broken as broken:
            raise _failed(self.name, Failed("failed", str(broken))) from None

    def encode(self, turns: Sequence[Turn]) -> Encoded:
        return self.encode_all([turns])[0]

    def encode_all(self, found: Sequence[Sequence[Turn]]) -> list[Encoded]:
        """Many conversations, which the tokenizer reads together."""
        pieces = [self.segments(turns) for turns in found]
        own, said = (
            [one.text for some in pieces for one in some if one.control is own] for own in (True, False)
        )
        read = {True: iter(self._read(own, control=True)), False: iter(self._read(said, control=False))}
        return [_joined([(one, next(read[one.control])) for one in some]) for some in pieces]

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """The ids up to where the assistant answers."""
        return [one for segment in self.segments(turns, is_open=True) for one in self._ids(segment)]

    @cached_property
    def stops(self) -> frozenset[int]:
        """Tokens that end an answer: those behind one in the template, those that were named, the text's end."""
        named = (self.words.tokenizer.token_to_id(token) for token in self.stop)
        return frozenset((*self._closing, *(one for one in named if one is not None), self.words.end))

    @property
    def marks_answers(self) -> bool:
        """Whether it says what the assistant generates; without that it can ask, but not teach."""
        return any(segment.supervised for segment in self._probe)

    @property
    def closes_answers(self) -> bool:
        """Whether an answer that it teaches ends with a token that stops."""
        return bool(self._closing)

    def teaches(self) -> ChatTemplate:
        """Itself.  Raises StageError where a loss could not be on answers alone, or would not teach to stop."""
        if not self.marks_answers:
            raise _unmarked(self.name)
        if not self.closes_answers:
            raise _never_ends(self.name)
        return self

    # ---- what it is made of ----------------------------------------------------------------

    @cached_property
    def _render(self) -> Render:
        """In this process for the templates that come with Lehr, in one of its own for all others."""
        return compiled(self.text) if self.text in _known() else Child(self.text)

    @cached_property
    def _special(self) -> dict[str, str]:
        begin, end = (
            self.words.tokenizer.id_to_token(one) or "" for one in (self.words.begin, self.words.end)
        )
        return {"bos_token": "" if begin == end else begin, "eos_token": end}

    @cached_property
    def _probe(self) -> list[Segment]:
        return self.segments((Turn("user", "q"), Turn("assistant", "a")))

    @cached_property
    def _closing(self) -> frozenset[int]:
        """Control tokens that the template writes behind an answer, as part of it."""
        said = False
        found = set[int]()
        for segment in self._probe:
            if segment.supervised and segment.control and said:
                found.update(one for one in self._ids(segment) if one in self._control_ids)
            said = said or (segment.supervised and not segment.control)
        return frozenset(found)

    @cached_property
    def _control_ids(self) -> frozenset[int]:
        added = self.words.tokenizer.get_added_tokens_decoder()
        return frozenset(number for number, token in added.items() if token.special)

    def _ids(self, segment: Segment) -> list[int]:
        return self._read([segment.text], control=segment.control)[0]

    def _read(self, texts: list[str], *, control: bool) -> list[list[int]]:
        """Their ids; what looks like a control token is one in the template's own text alone."""
        tokenizer = self.words.tokenizer
        tokenizer.encode_special_tokens = not control
        try:
            return [one.ids for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        finally:
            tokenizer.encode_special_tokens = True

    def _look(self) -> None:
        """Refuse what would otherwise fail, or teach nonsense, at the first row."""
        texts = "".join(segment.text for segment in self._probe if segment.control)
        wanted = dict.fromkeys((*_CONTROL.findall(texts), *self.stop))
        unknown = [token for token in wanted if self.words.tokenizer.token_to_id(token) is None]
        if unknown:
            raise _unknown(self.name, unknown)


def _joined(pieces: Sequence[tuple[Segment, list[int]]]) -> Encoded:
    ids, supervised, control = list[int](), list[bool](), list[bool]()
    for segment, found in pieces:
        ids += found
        supervised += [segment.supervised] * len(found)
        control += [segment.control] * len(found)
    return Encoded(ids, supervised, control)


def shipped(name: str) -> str:
    """A template that comes with Lehr."""
    return (_SHIPPED / f"{name}.jinja").read_text(encoding="utf-8")


def names() -> list[str]:
    return sorted(path.stem for path in _SHIPPED.glob("*.jinja"))


def _known() -> frozenset[str]:
    return frozenset(shipped(name) for name in names())


# ---- letters ---------------------------------------------------------------------------

_CODES = {
    "syntax": ("RUN201", "template-broken", "does not parse"),
    "unsafe": ("RUN202", "template-unsafe", "was stopped"),
    "refused": ("RUN203", "template-refuses", "refuses a conversation"),
    "failed": ("RUN203", "template-refuses", "cannot render a conversation"),
}
_HELP = {
    "syntax": "every `{% for %}`, `{% if %}` and `{% generation %}` needs its end",
    "unsafe": "a template may read messages and write text, and nothing else",
    "refused": "mend the row, or the template",
    "failed": "mend the row, or the template",
}


def _failed(name: str, failed: Failed) -> StageError:
    code, kind, what = _CODES[failed.how]
    place = f", line {failed.line}" if failed.line else ""
    headline = f"{name} {what}{place}: {failed.why}"
    return StageError(code, kind, headline, help=(_HELP[failed.how],))


def _unknown(name: str, tokens: Sequence[str]) -> StageError:
    listed = ", ".join(f"`{token}`" for token in tokens)
    headline = f"{name} writes {listed}, which the vocabulary does not hold"
    notes = ("it would be read as text, letter by letter, and so never end a turn",)
    help = ("name it in the tokenizer's `specials`, or take another template",)
    return StageError("RUN204", "unknown-control-token", headline, notes=notes, help=help)


def _unmarked(name: str) -> StageError:
    headline = f"{name} does not say what the assistant generates"
    notes = ("without that the loss would be on nothing, or on everything",)
    help = (
        "put `{% generation %}` before an answer, and `{% endgeneration %}` behind the token that ends it",
    )
    return StageError("RUN206", "template-unmarked", headline, notes=notes, help=help)


def _never_ends(name: str) -> StageError:
    headline = f"{name} ends no answer with a control token, so a model would never learn to stop"
    help = ("write the end of the turn before `{% endgeneration %}`",)
    return StageError("RUN207", "answer-never-ends", headline, help=help)
