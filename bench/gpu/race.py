"""A race: ours beside its peers on the same tensors, timed only after ours was found right."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Way = Callable[[], object]
OURS, FLOOR = "ours", "products alone"
"""The second computes less than the others, and its result is not compared with theirs."""
ALIKE = 0.99
"""The cosine of two results that are to be the same in bf16."""


@dataclass(frozen=True, slots=True)
class Where:
    """A GPU and full shapes in bf16; or a rehearsal: a CPU, Triton's interpreter, tiny shapes in fp32."""

    device: torch.device
    real: bool

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.real else torch.float32

    @property
    def limit(self) -> float:
        """How far from fp64 an output or a gradient may be, beside its size: some roundings of its own numbers."""
        return 1e-2 if self.real else 1e-5

    def randn(self, *shape: int, spread: float = 1.0) -> Tensor:
        return torch.randn(*shape, device=self.device, dtype=self.dtype).mul_(spread)

    def compiled(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return torch.compile(function) if self.real else function


@dataclass(frozen=True, slots=True)
class Target:
    """A peer's time over ours, at least."""

    title: str
    peer: str
    least: float


@dataclass(frozen=True, slots=True)
class Told:
    """What is left of a race when its tensors are gone."""

    title: str
    shape: str
    targets: Sequence[Target] = ()
    most_mb: float | None = None
    """What ours may take beside its inputs."""


@dataclass(frozen=True, slots=True)
class Race:
    told: Told
    ways: Mapping[str, Way]
    """Ours, and its peers."""
    error: Callable[[], float]
    """The distance of ours from the reference in fp64, on a small case."""


@dataclass(frozen=True, slots=True)
class Taken:
    ms: float
    mb: float


@dataclass
class Result:
    race: Told
    error: float
    taken: dict[str, Taken] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    """Peers that could not run or came to something else, and why."""


def run(race: Race, where: Where) -> Result:
    """Raises ArithmeticError where ours is wrong: a wrong kernel is not worth timing."""
    print(f"{race.told.title}: {race.told.shape}", file=sys.stderr)
    result = Result(race.told, race.error())
    if not result.error <= where.limit:
        raise ArithmeticError(
            f"{race.told.title}: {result.error:.1e} from the reference, not {where.limit:.0e}"
        )
    ours = _direction(race.ways[OURS]())
    for name, way in race.ways.items():
        try:
            if name != FLOOR and not (alike := float(ours @ _direction(way()))) >= ALIKE:
                raise RuntimeError(f"comes to something else: the cosine with ours is {alike:.3f}")
            result.taken[name] = _taken(way, where)
        except (RuntimeError, ImportError) as error:  # torch has no backend for it, no memory, no package
            if name == OURS:
                raise
            result.lacking[name] = str(error).strip().partition("\n")[0]
    return result


def _direction(made: object) -> Tensor:
    """The first of what a way came to, on its length: losses are sums for some and means for others."""
    first = made[0] if isinstance(made, tuple) else made
    assert isinstance(first, Tensor)
    flat = first.detach().float().reshape(-1)
    return flat / flat.norm()


def _taken(way: Way, where: Where) -> Taken:
    """The median time, and the peak of one run beside what was there before."""
    if not where.real:
        began = time.perf_counter()
        way()
        return Taken(1000 * (time.perf_counter() - began), 0.0)
    from triton.testing import do_bench

    way()  # compiles, and takes workspaces that stay
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    way()
    torch.cuda.synchronize()
    megabytes = (torch.cuda.max_memory_allocated() - before) / 1e6
    return Taken(do_bench(way, warmup=100, rep=500, return_mode="median"), megabytes)


def distance(ours: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    """The largest of several, each beside the size of what is right; NaN where something is NaN."""
    ratios = [(a.double() - b).norm() / b.norm() for a, b in zip(ours, exact, strict=True)]
    return float(torch.stack(ratios).max())
