"""`lehr doctor`: what is here?"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import click

from .amounts import bytes_of
from .options import formats

_EXTRA = re.compile(r"""^(?P<name>[A-Za-z0-9._-]+)[^;]*;.*\bextra == ["'](?P<extra>[^"']+)["']""")


@click.command("doctor", short_help="What is here?")
@formats("text", "json")
def verb(form: str) -> None:
    """Say what this machine has of what Lehr can use: versions, cores, memory, disk, devices, and which extras are
    installed.  It is what to paste into a report of a fault.

    Which kernel serves which shape here, and why, says `lehr explain kernels`.
    """
    found = {"lehr": lehr(), "machine": machine(), "devices": devices(), "extras": extras()}
    if form == "json":
        click.echo(json.dumps(found, indent=2))
        return
    click.echo("\n".join(_lines(found)))


def lehr() -> dict[str, str]:
    return {
        "lehr": version("lehr"),
        "python": platform.python_version(),
        "at": str(Path(__file__).parents[1]),
    }


def machine() -> dict[str, Any]:
    """Cores and memory that this process may use, and the disk below the working folder."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    disk = shutil.disk_usage(".")
    told = {"system": f"{platform.system()} {platform.release()} {platform.machine()}", "cores": cores}
    return {**told, "memory": memory, "disk_free": disk.free, "writable": os.access(".", os.W_OK)}


def devices() -> list[dict[str, Any]]:
    """What torch sees beside the CPU; nothing where it is not installed."""
    if _version("torch") is None:
        return []
    import torch

    found: list[dict[str, Any]] = []
    for place in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = torch.cuda.get_device_properties(place)
        found.append({"name": about.name, "memory": about.total_memory, "sm": f"{about.major}{about.minor}"})
    return found


def extras() -> dict[str, dict[str, str | None]]:
    """By extra, the packages that it brings and the version of each that is here."""
    found: dict[str, dict[str, str | None]] = {}
    for line in requires("lehr") or ():
        match = _EXTRA.match(line)
        if match and match["name"] != "lehr" and match["extra"] != "dev":
            found.setdefault(match["extra"], {})[match["name"]] = _version(match["name"])
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _lines(found: dict[str, Any]) -> Iterator[str]:
    rows = [*_machine(found), *((f"[{name}]", _packages(name, one)) for name, one in found["extras"].items())]
    wide = max(len(head) for head, _ in rows)
    yield from (f"{head.ljust(wide)}  {told}" for head, told in rows)


def _machine(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    lehr, here = found["lehr"], found["machine"]
    yield "lehr", f"{lehr['lehr']}, Python {lehr['python']}, in {lehr['at']}"
    yield "machine", f"{here['system']}, {here['cores']} cores, {bytes_of(here['memory'])} of memory"
    writes = "" if here["writable"] else "; nothing can be written here"
    yield "disk", f"{bytes_of(here['disk_free'])} free below the working folder{writes}"
    told = [f"{one['name']} (sm_{one['sm']}, {bytes_of(one['memory'])})" for one in found["devices"]]
    yield "devices", ", ".join(told) or "no GPU: models compute on the CPU"


def _packages(extra: str, packages: dict[str, str | None]) -> str:
    here = ", ".join(f"{name} {has}" for name, has in packages.items() if has)
    missing = ", ".join(name for name, has in packages.items() if not has)
    lacks = f"missing {missing}: pip install 'lehr[{extra}]'" if missing else ""
    return "; ".join(part for part in (here, lacks) if part)
