"""Ratios beside their targets: printed as they come, and kept in a file with the machine that gave them."""

from __future__ import annotations

import platform
import shlex
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .shape import CPU

_PACKAGES = ("lehr", "torch", "transformers", "accelerate", "litgpt")


@dataclass
class Report:
    rows: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        name = next((line.split(":")[1].strip() for line in CPU.splitlines() if "model name" in line), "")
        flags = [flag for flag in ("avx512f", "avx512_bf16", "amx_bf16") if f" {flag}" in CPU]
        packages = [f"{package} {found}" for package in _PACKAGES if (found := _version(package))]
        self.about = [
            f"{name or platform.processor()} ({', '.join(flags)}), one thread",
            ", ".join([f"Python {platform.python_version()}", *packages]),
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `{shlex.join(['python', *sys.argv])}`",
        ]
        print("\n".join(self.about))

    def title(self, text: str) -> None:
        print(f"\n{text}", flush=True)
        self.rows += ["", f"## {text}", "", "| | measured | wanted | |", "|---|--:|--:|---|"]

    def tell(self, what: str, value: float, least: float | None = None, most: float | None = None) -> None:
        """A number, and what it should be at least or at most, where something is wanted."""
        wanted, kept = "", ""
        if least is not None:
            wanted, kept = f"≥ {least:g}", "yes" if value >= least else "no"
        if most is not None:
            wanted, kept = f"≤ {most:g}", "yes" if value <= most else "no"
        number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
        print(f"  {what:60} {number:>9}   {wanted:8} {kept}", flush=True)
        self.rows.append(f"| {what} | {number} | {wanted} | {kept} |")

    def note(self, text: str) -> None:
        print(f"  {text}", flush=True)
        self.rows += ["", text]

    def write(self, path: Path, title: str = "Training on a CPU") -> None:
        path.parent.mkdir(exist_ok=True)
        head = [f"# {title}", "", *(f"- {line}" for line in self.about)]
        path.write_text("\n".join([*head, *self.rows]) + "\n")
        print(f"\nkept in {path}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
