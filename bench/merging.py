"""Merges of models beside a plain copy and beside mergekit: time, CPU time and anonymous memory, in ratios.

    python bench/merging.py [--gigabytes 2] [--rounds 3] [--only linear,ties] [--peer FOLDER] [--write]

Makes a base and two models of that size in a temporary folder (four times the size on disk), then merges them by
the `merge` stage, one process for each mode, one thread, modes in turn, and syncs what was written.  The limit of
a linear merge is twice the time of a copy with fsync.  `--peer` is a folder that holds mergekit, such as
`pip install --no-deps --target FOLDER mergekit==0.1.5 accelerate datasets dill immutables multiprocess pandas peft
protobuf psutil scipy sentencepiece xxhash` makes; it merges the same files by its `run_merge`.

Memory is the largest RssAnon of /proc/self/status, looked at every 5 ms: files that are mapped do not count.
`--write` keeps what is printed in `bench/results/merging.md`: only from a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

RESULTS = Path(__file__).parent / "results" / "merging.md"
PARTS = ("base", "one", "other")
OURS = ("linear", "slerp", "turned", "ties", "dare")
TITLES = {
    "copy": "copy of one model",
    "linear": "linear",
    "slerp": "SLERP of the weights, per tensor",
    "turned": "SLERP of differences, per layer",
    "ties": "TIES, density 50%",
    "dare": "DARE, density 50%",
}
Runs = dict[tuple[str, str], list[dict[str, float]]]
PEERS = {"linear": "linear", "slerp": "slerp", "ties": "ties", "dare": "dare_linear"}


# ---- models ------------------------------------------------------------------------------


def make(folder: Path, gigabytes: float) -> int:
    """A base and two models near it; gives the bytes of one."""
    import torch

    from lehr.compiler.plan.model import Arch
    from lehr.runtime.parts.huggingface.written import config
    from lehr.runtime.parts.model.decoder import Decoder
    from lehr.runtime.parts.model.names import in_files
    from lehr.runtime.parts.model.stream import write_stream

    layers = max(1, round((gigabytes * 1e9 / 4 - 131e6) / 47.2e6))
    arch = Arch(
        layers=layers, width=2048, heads=16, kv_heads=8, head_dim=128, ffn=5632, vocab=32_000, rope=1e4,
        tied=False, norm_eps=1e-5,
    )  # fmt: skip
    shapes = {name: tuple(one.shape) for name, one in in_files(Decoder.empty(arch, "meta")).items()}

    pools = [torch.randn(1 << 21, generator=torch.Generator().manual_seed(place)) for place in range(3)]

    def numbers(place: int) -> Iterator[torch.Tensor]:
        """Stretches of a pool of random numbers: what a model holds costs no time, and repeats nowhere near."""
        draw = random.Random(0)
        for name in sorted(shapes):
            left = torch.Size(shapes[name]).numel()
            while left:
                start, size = draw.randrange(1 << 20), min(left, 1 << 20)
                tile = pools[0][start : start + size] * 0.02
                if place:
                    tile.add_(pools[place][start : start + size], alpha=0.002)
                yield tile
                left -= size

    for place, name in enumerate(PARTS):
        (folder / name).mkdir()
        write_stream(folder / name / "model.safetensors", shapes, numbers(place))
        (folder / name / "arch.json").write_text(arch.model_dump_json())
        (folder / name / "config.json").write_text(json.dumps(config(arch, 2048, None, None)))
    return (folder / "base" / "model.safetensors").stat().st_size


# ---- one mode, in a process of its own -------------------------------------------------------


def ours(mode: str, folder: Path, out: Path) -> None:
    from lehr.compiler.plan.model import MergeWork, Origin, Step
    from lehr.runtime.stages import merge

    method = "slerp" if mode == "turned" else mode
    based = mode in ("turned", "ties", "dare")
    work = MergeWork(
        method=method,
        weights=(Fraction(1, 2), Fraction(1, 2)),
        density=Fraction(1, 2),
        rate=None,
        per="layer" if mode == "turned" else "tensor",
        rng=1,
    )
    inputs = {"model:0": folder / "one", "model:1": folder / "other"} | (
        {"base": folder / "base"} if based else {}
    )
    names = {role: path.name for role, path in inputs.items()}
    origin = Origin(path="spec.lehr", line=1, column=1)
    step = Step(address="blend", fingerprint="0" * 64, inputs=names, work=work, origin=origin)
    merge.run(step, inputs, SimpleNamespace(folder=out, stopping=False, say=lambda event, **facts: None))


def theirs(mode: str, folder: Path, out: Path) -> None:
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    one, other, base = (str(folder / name) for name in ("one", "other", "base"))
    asked: dict[str, Any] = {"merge_method": PEERS[mode], "dtype": "float32"}
    if mode == "slerp":
        asked |= {"models": [{"model": one}, {"model": other}], "base_model": one, "parameters": {"t": 0.5}}
    else:
        each = {"weight": 0.5} | ({"density": 0.5} if mode in ("ties", "dare") else {})
        asked["models"] = [{"model": name, "parameters": each} for name in (one, other)]
        asked |= {"base_model": base} if mode in ("ties", "dare") else {}
    options = MergeOptions(copy_tokenizer=False, write_model_card=False, quiet=True, random_seed=1)
    run_merge(MergeConfiguration.model_validate(asked), str(out), options)


def copy(mode: str, folder: Path, out: Path) -> None:
    shutil.copyfile(folder / "one" / "model.safetensors", out / "model.safetensors")


MODES: dict[str, Callable[[str, Path, Path], None]] = {"lehr": ours, "mergekit": theirs, "copy": copy}


def measured(who: str, mode: str, folder: Path) -> dict[str, float]:
    """Do it once here, after everything is imported, and sync the files."""
    import torch

    torch.set_num_threads(1)
    if who == "lehr":
        from lehr.compiler.plan.model import Arch
        from lehr.runtime.parts.model.decoder import Decoder
        from lehr.runtime.stages import merge

        Decoder.empty(Arch.model_validate_json((folder / "one" / "arch.json").read_bytes()), "meta")
        assert merge
    elif who == "mergekit":
        import mergekit.merge

        assert mergekit.merge
    most, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            most[0] = max(most[0], anonymous())

    watch = threading.Thread(target=look)
    watch.start()
    with tempfile.TemporaryDirectory(dir=folder) as out:
        wall, cpu = time.perf_counter(), time.process_time()
        MODES[who](mode, folder, Path(out))
        for path in Path(out).iterdir():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    over.set()
    watch.join()
    return found | {"anonymous": most[0]}


def anonymous() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


# ---- all of them ---------------------------------------------------------------------------


def child(who: str, mode: str, folder: Path, peer: Path | None) -> dict[str, float]:
    environment = os.environ | ({"PYTHONPATH": str(peer)} if who == "mergekit" else {})
    command = [sys.executable, __file__, "--one", who, mode, str(folder)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stderr)
    return json.loads(found.stdout.splitlines()[-1])


def table(runs: Runs) -> Iterator[str]:
    yield "| | wall s | CPU s | anonymous MB | of a copy's time | mergekit's time / ours | its memory / ours |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    middle = {
        key: {what: statistics.median(one[what] for one in each) for what in each[0]}
        for key, each in runs.items()
    }
    whole = middle["copy", "copy"]["wall"]
    for (who, mode), one in middle.items():
        theirs = middle.get(("mergekit", mode)) if who == "lehr" else None
        spread = [run["wall"] for run in runs[who, mode]]
        yield (
            f"| {'' if who == 'copy' else f'{who}: '}{TITLES[mode]} | {one['wall']:.1f} ({min(spread):.1f}–"
            f"{max(spread):.1f}) | {one['cpu']:.1f} | {one['anonymous'] / 1e6:.0f} | {one['wall'] / whole:.2f} | "
            + (
                f"{theirs['wall'] / one['wall']:.1f} (CPU {theirs['cpu'] / one['cpu']:.1f}) | "
                f"{theirs['anonymous'] / one['anonymous']:.1f} |"
                if theirs
                else "| |"
            )
        )


def all_runs(arguments: argparse.Namespace) -> tuple[int, Runs]:
    """Every mode so many times, in turn; and the bytes of a model."""
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        size = make(folder, arguments.gigabytes)
        modes = [("copy", "copy")] + [("lehr", mode) for mode in OURS if mode in arguments.only]
        modes += [("mergekit", mode) for mode in PEERS if mode in arguments.only and arguments.peer]
        runs: Runs = {mode: [] for mode in modes}
        for _ in range(arguments.rounds):
            for who, mode in modes:
                runs[who, mode].append(child(who, mode, folder, arguments.peer))
    return size, runs


def report(size: int, runs: Runs, rounds: int) -> Iterator[str]:
    versions = f"torch {version('torch')}, Python {platform.python_version()}, {platform.machine()}"
    yield (
        f"Two models of {size / 1e9:.2f} GB and their base, one thread, fsync included; the median of {rounds} "
        f"rounds, in brackets the spread; {versions}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}."
    )
    yield ""
    yield from table(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[*OURS])
    parser.add_argument("--peer", type=Path)
    parser.add_argument(
        "--folder", type=Path, help="where the models are made; the system's temporary folder else"
    )
    parser.add_argument("--json", action="store_true", help="print what was measured, and no table")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        who, mode, folder = arguments.one
        print(json.dumps(measured(who, mode, Path(folder))))
        return
    size, runs = all_runs(arguments)
    if arguments.json:
        print(json.dumps({" ".join(mode): each for mode, each in runs.items()}))
        return
    lines = list(report(size, runs, arguments.rounds))
    print("\n".join(lines))
    if arguments.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(["# Merges", "", *lines]) + "\n")


if __name__ == "__main__":
    main()
