"""Small corpora, and the stage `curate` run on them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rooms import Desk

from lehr.compiler.plan.model import CurateWork, File, Filter, Origin, Step
from lehr.runtime.parts.data.tables import read_records, records
from lehr.runtime.stages import curate

ORIGIN = Origin(path="spec.lehr", line=1, column=1)
Named = tuple[str, dict[str, Any]]


def corpus(
    folder: Path, texts: Sequence[str], heldout: int = 5, metas: Sequence[dict[str, Any]] = ()
) -> Path:
    """A corpus of these texts, `a:0` and so on; every so-many-th is held out, none with 0."""
    folder.mkdir()
    for part in ("train", "heldout"):
        with records(folder / f"{part}.parquet") as write:
            for number, text in enumerate(texts):
                held = bool(heldout) and number % heldout == heldout - 1
                if held == (part == "heldout"):
                    write(f"a:{number}", text, json.dumps(metas[number]) if metas else "")
    return folder


def made(
    room: Desk, raw: Path, *filters: Named, benches: dict[str, File] | None = None, **inputs: Path
) -> dict[str, Any]:
    """The facts of a curation; a filter's inputs are `kind__address`."""
    named = {role.replace("__", ":"): path for role, path in inputs.items()}
    every = tuple(Filter(kind=kind, settings=settings) for kind, settings in filters)
    work = CurateWork(filters=every, benches=benches or {}, rng=7)
    step = Step(address="clean", fingerprint="0" * 64, inputs={"corpus": "raw"}, work=work, origin=ORIGIN)
    return curate.run(step, {"corpus": raw, **named}, room)


def rows(room: Desk) -> list[tuple[str, str, dict[str, Any]]]:
    """What stayed, those to learn from first."""
    every = [row for part in ("train", "heldout") for row in read_records(room.folder / f"{part}.parquet")]
    return [(name, text, json.loads(meta or "{}")) for name, text, meta in every]


def kept(room: Desk, text: bool = False) -> list[str]:
    """The names of what stayed, or its texts."""
    return [row[1] if text else row[0] for row in rows(room)]
