"""With what a stage is run: choices about the machine that are not part of the recipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Means:
    """They change a result in its rounding at most; a resumed stage keeps how its batches were cut."""

    compile: bool = False
    """Whether layers go through `torch.compile`; it takes a minute or more to start: for long stages."""
    memory: int | None = None
    """Bytes that the device may be taken to have; None is what it has."""
    device: str | None = "cpu"
    """Where models compute: None is the first GPU, else the CPU.  Weights are drawn, kept and released on the CPU."""
