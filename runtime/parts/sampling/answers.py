"""Who answers: a model here, or one behind an address.  Both give texts, whether they ended, and the ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..chat.rows import Prompt, Turn, told
from ..chat.template import ChatTemplate
from ..judging.asked import Asked
from ..model.decoder import Decoder
from ..model.generate import Ask, How, replies
from .endpoint import Client

_TOGETHER = 8


@dataclass(frozen=True)
class Settings:
    max_new: int
    temperature: float
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


class Member(Protocol):
    def answer(self, asks: Sequence[tuple[Prompt, int]], between: Callable[[], None]) -> list[Asked]:
        """An answer to each prompt, drawn by the seed beside it."""
        ...

    def size(self, prompt: Prompt) -> int:
        """Tokens of a prompt as it is read."""
        ...


@dataclass(frozen=True)
class Here:
    """A model of the run."""

    model: Decoder
    template: ChatTemplate
    settings: Settings
    context: int = 1 << 40

    def size(self, prompt: Prompt) -> int:
        return len(self.template.prompt(prompt.messages))

    def within_its_context(self, prompts: Sequence[Prompt]) -> Here:
        """The same with shorter answers, where the longest prompt leaves less room."""
        room = self.context - max(map(self.size, prompts))
        return replace(
            self, settings=replace(self.settings, max_new=max(1, min(room, self.settings.max_new)))
        )

    def answer(self, asks: Sequence[tuple[Prompt, int]], between: Callable[[], None]) -> list[Asked]:
        known: dict[str, list[int]] = {}
        given = [known.setdefault(one.id, self.template.prompt(one.messages)) for one, _ in asks]
        own, words = self.settings, self.template.words
        reach = max((len(text.encode()) for text in own.stop), default=0)

        def ends(ids: list[int]) -> bool:
            tail = words.decode(ids[-reach - 1 :])  # a token holds a byte at least
            return any(text in tail for text in own.stop)

        how = How(
            own.max_new, self.template.stops, own.temperature, own.top_p, ends=ends if own.stop else None
        )
        found = replies(
            self.model, [Ask(ids, drawn) for ids, (_, drawn) in zip(given, asks, strict=True)], how, between
        )
        return [
            Asked(prompt, cut(words.decode(reply.ids), own.stop), reply.ended, ids, reply.whole)
            for (prompt, _), ids, reply in zip(asks, given, found, strict=True)
        ]


@dataclass(frozen=True)
class There:
    """A model behind an address; `template` says how a judge here reads what it wrote."""

    client: Client
    settings: Settings
    template: ChatTemplate | None = None

    def size(self, prompt: Prompt) -> int:
        return 0

    def answer(self, asks: Sequence[tuple[Prompt, int]], between: Callable[[], None]) -> list[Asked]:
        with ThreadPoolExecutor(_TOGETHER) as pool:
            return list(pool.map(lambda ask: self._one(*ask), asks))

    def _one(self, prompt: Prompt, drawn: int) -> Asked:
        own = self.settings
        wanted: dict[str, Any] = {
            "max_tokens": own.max_new,
            "temperature": own.temperature,
            "top_p": own.top_p,
            "seed": drawn % (1 << 31),
        }
        wanted |= {"stop": list(own.stop)} if own.stop else {}
        said = self.client.answer(told(prompt.messages), wanted)
        text = cut(said.text, own.stop)
        if self.template is None:
            return Asked(prompt, text, said.ended, [], [0] * (said.tokens or 0))
        given = self.template.prompt(prompt.messages)
        whole = self.template.encode((*prompt.messages, Turn("assistant", text))).ids
        return Asked(prompt, text, said.ended, given, whole[len(given) :])


def cut(text: str, stop: Sequence[str]) -> str:
    """Up to the first of the texts that end an answer."""
    places = [place for one in stop if (place := text.find(one)) >= 0]
    return text[: min(places)] if places else text
