"""What a kernel takes of a Hopper: registers that overflow, shared memory, products on its tensor cores.

As a program it reads cases from the standard input, as JSON, and prints what each takes.
It needs Triton and neither torch nor lehr, so that any release of Triton can be asked.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHARED = 227 << 10
"""Bytes of shared memory that a block of a Hopper may take."""


@dataclass(frozen=True)
class Case:
    """A kernel with the types of its arguments, where `!` marks what is divisible by 16, and its constants."""

    name: str
    module: str
    kernel: str
    types: dict[str, str]
    constants: dict[str, Any]
    options: dict[str, int]
    products: bool = False
    """Whether it multiplies matrices on tensor cores."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Taken:
    stack: int
    """Bytes of registers kept in memory, of each thread."""
    registers: int
    shared: int
    wgmma: int


def compiled(case: Case, package: str = "lehr.kernels") -> Taken:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")
    kernel = getattr(importlib.import_module(f"{package}.{case.module}"), case.kernel)
    constants = {name: _constant(name, value) for name, value in case.constants.items()}
    types = {name: "constexpr" if name in constants else case.types[name] for name in kernel.arg_names}
    even = {
        (place,): [["tt.divisibility", 16]] for place, kind in enumerate(types.values()) if kind.endswith("!")
    }
    signature = {name: kind.rstrip("!") for name, kind in types.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=even)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=case.options)
    told = _resources(triton.knobs.nvidia.cuobjdump.path, made.asm["cubin"])
    return Taken(told["STACK"], told["REG"], made.metadata.shared, made.asm["ptx"].count("wgmma.mma_async"))


def _constant(name: str, value: Any) -> Any:
    """Types are written by their names."""
    import triton.language as tl

    return {"fp32": tl.float32, "fp64": tl.float64}[value] if name in ("ACC", "WIDE") else value


def _resources(tool: str, cubin: bytes) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(cubin)
        told = subprocess.run([tool, "-res-usage", path], capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"(REG|STACK):(\d+)", told)}


def main() -> None:
    sys.path.insert(0, str(ROOT))
    cases = [Case(**case) for case in json.load(sys.stdin)]
    with ProcessPoolExecutor() as pool:
        taken = pool.map(compiled, cases, ["kernels"] * len(cases))
        json.dump([asdict(one) for one in taken], sys.stdout)


if __name__ == "__main__":
    main()
