"""Text from a model, token by token.

Rows of unlike length run together.  One that is done leaves at once, and the next prompt takes its place, so that no
step is spent on what has ended.  A prompt that is answered several times is read once.

What an answer draws depends on its own seed and its own place in it, not on who runs beside it.  Floating-point sums do
depend on how many rows there are, in their last bits: a token changes with its neighbours only where two were likely
to within such a rounding.  The same list of prompts always gives the same answers.

B rows, T positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..seeds import seed
from .cache import Cache
from .decoder import Decoder

_ROWS = 64
_BYTES = 1 << 30
"""Of keys and values at most."""
_WAIT = 4
"""A part of the rows that may stand empty before prompts are read again: one pass reads several."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A prompt's ids, and the seed of what its answer draws."""

    ids: list[int]
    seed: int = 0


@dataclass(frozen=True, slots=True)
class How:
    """How tokens are chosen, and what ends an answer: greedy at temperature 0."""

    max_new: int
    stop: frozenset[int] = frozenset()
    temperature: float = 1.0
    top_p: float = 1.0
    rope: float | None = None
    ends: Callable[[list[int]], bool] | None = None
    """Whether an answer ends with its last id for a reason of its own: a text that stops it."""
    rows: int = _ROWS
    """Answers that are written together, at most."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's ids, without the one of `stop` that ended it; `ended` is false where it was cut at `max_new`."""

    ids: list[int]
    ended: bool
    stop: int | None = None

    @property
    def whole(self) -> list[int]:
        """With what ended it."""
        return self.ids if self.stop is None else [*self.ids, self.stop]


def generate(
    model: Decoder,
    prompts: list[list[int]],
    *,
    max_new: int,
    stop: frozenset[int],
    temperature: float,
    rng: int,
    rope: float | None,
) -> list[list[int]]:
    """What follows each prompt, up to and without the first id of `stop`; greedy at temperature 0.

    A prompt's random numbers depend on `rng` and its place in the list alone.
    """
    asks = [Ask(prompt, seed(rng, "generate", at)) for at, prompt in enumerate(prompts)]
    how = How(max_new, stop, temperature, rope=rope)
    return [reply.ids for reply in replies(model, asks, how)]


@torch.no_grad()
def replies(
    model: Decoder, asks: Sequence[Ask], how: How, between: Callable[[], None] | None = None
) -> list[Reply]:
    """An answer to each; `between` is called between steps, and may raise."""
    if not asks or how.max_new < 1:
        return [Reply([], ended=False) for _ in asks]
    writing = _Writing(model, asks, how)
    while not writing.is_done:
        if between:
            between()
        writing.advance()
    return [Reply([], ended=False) if reply is None else reply for reply in writing.found]


@dataclass
class _Writing:
    """Answers on their way.  `at` is the place in the list of each row that is in use."""

    model: Decoder
    asks: Sequence[Ask]
    how: How
    at: list[int] = field(default_factory=list[int])
    next: int = 0

    def __post_init__(self) -> None:
        longest = max(len(ask.ids) for ask in self.asks) + self.how.max_new
        self.rows = min(_affordable(self.model, longest, self.how.rows), len(self.asks))
        self.cache = Cache(self.model.arch, self.rows, longest, self.model.device)
        self.found: list[Reply | None] = [None] * len(self.asks)
        self.written: list[list[int]] = [[] for _ in self.asks]
        self.last_B = torch.zeros(self.rows, dtype=torch.int64)
        self.drawn_BT = torch.zeros(self.rows, self.how.max_new, dtype=torch.float64)
        self.order = sorted(range(len(self.asks)), key=lambda place: len(self.asks[place].ids))

    @property
    def is_done(self) -> bool:
        return not self.at and self.next == len(self.asks)

    def advance(self) -> None:
        """One more token of every row; new prompts are read first where enough rows are free."""
        free = min(self.rows - len(self.at), len(self.asks) - self.next)
        if free and (not self.at or free * _WAIT >= self.rows):
            self._read(self.order[self.next : self.next + free])
            self.next += free
        else:
            logits_BV = self.model.extend(self.last_B[: len(self.at)], self.cache, self.how.rope)
            self._take(logits_BV, 0)

    def _read(self, places: list[int]) -> None:
        """Begin some rows: equal prompts that stand beside each other are read once."""
        distinct: dict[tuple[int, ...], int] = {}
        of = [distinct.setdefault(tuple(self.asks[place].ids), len(distinct)) for place in places]
        sizes_B = torch.tensor([len(ids) for ids in distinct])
        tokens_BT = torch.zeros(len(distinct), int(sizes_B.max()), dtype=torch.int64)
        for row, ids in enumerate(distinct):
            tokens_BT[row, : len(ids)] = torch.tensor(ids)
        logits_BV, fresh = self.model.begin(tokens_BT, sizes_B, self.how.rope)
        of_B = torch.tensor(of, device=logits_BV.device)
        first = len(self.at)
        self.cache.begin(fresh, sizes_B.to(logits_BV.device), of_B)
        self.at += places
        if self.how.temperature:
            for row, place in enumerate(places, first):
                source = torch.Generator().manual_seed(self.asks[place].seed)
                self.drawn_BT[row] = torch.rand(self.how.max_new, generator=source, dtype=torch.float64)
        self._take(logits_BV[of_B], first)

    def _take(self, logits_BV: Tensor, first: int) -> None:
        """Give the rows from `first` on their next tokens, and let those that are done go."""
        places = self.at[first:]
        if self.how.temperature:
            counts_B = torch.tensor([len(self.written[place]) for place in places])
            drawn_B = self.drawn_BT[torch.arange(first, len(self.at)), counts_B]
            next_B = chosen(logits_BV, self.how.temperature, self.how.top_p, drawn_B)
        else:
            next_B = logits_BV.argmax(-1)
        self.last_B[first : len(self.at)] = next_B
        for row, token in reversed(list(enumerate(next_B.tolist(), first))):
            reply = self._reply(self.at[row], token)
            if reply:
                self.found[self.at[row]] = reply
                self._drop(row)

    def _reply(self, place: int, token: int) -> Reply | None:
        """The whole answer, where it is done with this token."""
        ids = self.written[place]
        if token in self.how.stop:
            return Reply(ids, ended=True, stop=token)
        ids.append(token)
        if self.how.ends and self.how.ends(ids):
            return Reply(ids, ended=True)
        return Reply(ids, ended=False) if len(ids) == self.how.max_new else None

    def _drop(self, row: int) -> None:
        last = len(self.at) - 1
        self.cache.drop(row)
        self.last_B[row], self.drawn_BT[row] = self.last_B[last], self.drawn_BT[last]
        self.at[row] = self.at[last]
        self.at.pop()


def chosen(logits_BV: Tensor, temperature: float, top_p: float, drawn_B: Tensor) -> Tensor:
    """The token at each row's number in [0, 1) of the running sum of the probabilities; of a nucleus only, where
    `top_p` is less than 1: the fewest that are together that likely (Holtzman et al. 2020, section 3.1)."""
    p_BV = torch.softmax(logits_BV.to("cpu", torch.float64) / temperature, -1)
    if top_p < 1:
        p_BV, ids_BV = p_BV.sort(descending=True, stable=True)
        p_BV = p_BV.masked_fill(p_BV.cumsum(-1) - p_BV >= top_p, 0)
    else:
        ids_BV = None
    sums_BV = p_BV.cumsum(-1)
    place_B1 = torch.searchsorted(sums_BV, drawn_B[:, None] * sums_BV[:, -1:], right=True)
    place_B1.clamp_(max=p_BV.shape[1] - 1)
    return (place_B1 if ids_BV is None else ids_BV.gather(1, place_B1))[:, 0]


def _affordable(model: Decoder, positions: int, rows: int) -> int:
    arch = model.arch
    each = 2 * arch.layers * arch.kv_heads * arch.head_dim * positions * 4
    return max(1, min(rows, _BYTES // each))
