"""The frame of `curate`: shards, rounds, the funnel, and going on after the power has failed."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from rooms import Cut, Desk, desk

from lehr.cli.door import lehr
from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.model import CurateWork, Filter, Origin, Step
from lehr.runtime.engine.walk import run
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.curate import shards
from lehr.runtime.parts.data.tables import read_records, records
from lehr.runtime.stages import curate
from lehr.runtime.stages.editions import EDITIONS

ORIGIN = Origin(path="spec.lehr", line=1, column=1)


def corpus(folder: Path, texts: list[str], **meta: Any) -> Path:
    """A corpus of these texts, every fifth held out."""
    folder.mkdir()
    for part in ("train", "heldout"):
        with records(folder / f"{part}.parquet") as write:
            for number, text in enumerate(texts):
                if (number % 5 == 4) == (part == "heldout"):
                    write(f"a.jsonl:{number + 1}", text, json.dumps(meta) if meta else "")
    return folder


def step(*filters: tuple[str, dict[str, Any]]) -> Step:
    work = CurateWork(
        filters=tuple(Filter(kind=kind, settings=settings) for kind, settings in filters), benches={}, rng=7
    )
    return Step(address="clean", fingerprint="0" * 64, inputs={"corpus": "raw"}, work=work, origin=ORIGIN)


def limit(examples: int) -> tuple[str, dict[str, Any]]:
    return "limit", {"tokens": None, "examples": examples, "rng": None}


def files(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def made(room: Desk, raw: Path, *filters: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return curate.run(step(*filters), {"corpus": raw}, room)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return corpus(tmp_path / "raw", [f"the text number {at} of forty" for at in range(40)])


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard for each group of rows, and few rows in a group."""
    monkeypatch.setattr(shards, "SHARD", 1)
    monkeypatch.setattr("lehr.runtime.parts.data.tables._ROWS", 4)


def test_a_limit_keeps_so_many_documents_and_says_what_it_dropped(tmp_path: Path, raw: Path):
    room = desk(tmp_path / "room")
    facts = made(room, raw, limit(10))
    kept = [row[0] for part in ("train", "heldout") for row in read_records(room.folder / f"{part}.parquet")]
    dropped = pq.read_table(room.folder / "dropped.parquet").to_pylist()
    assert facts["train"]["documents"] + facts["heldout"]["documents"] == len(kept) == 10
    assert {row["id"] for row in dropped} | set(kept) == {f"a.jsonl:{at}" for at in range(1, 41)}
    assert {(row["step"], row["reason"]) for row in dropped} == {("limit", "beyond the limit")}
    assert facts["funnel"][0] | {"bytes": 0, "kept_bytes": 0} == {
        "step": "limit", "documents": 40, "bytes": 0, "kept": 10, "kept_bytes": 0,
        "dropped": {"beyond the limit": 30}, "parts": {},
    }  # fmt: skip


def test_a_document_stays_on_the_side_on_which_it_came(tmp_path: Path, raw: Path):
    room = desk(tmp_path / "room")
    made(room, raw, limit(20))
    for part in ("train", "heldout"):
        came = {row[0] for row in read_records(raw / f"{part}.parquet")}
        assert {row[0] for row in read_records(room.folder / f"{part}.parquet")} <= came


@pytest.mark.usefixtures("small_shards")
def test_what_comes_out_depends_on_neither_shards_nor_workers(tmp_path: Path):
    texts = [f"the text number {at} of forty" for at in range(40)]
    one, many = corpus(tmp_path / "one", texts), corpus(tmp_path / "many", texts)
    assert len(shards.slices(many)) == 10
    alone, crowd = desk(tmp_path / "alone", workers=1), desk(tmp_path / "crowd", workers=2)
    assert made(alone, one, limit(20), limit(10)) == made(crowd, many, limit(20), limit(10))
    assert files(alone.folder) == files(crowd.folder)


@pytest.mark.usefixtures("small_shards")
def test_a_curation_goes_on_after_the_power_failed_anywhere(tmp_path: Path):
    source = corpus(tmp_path / "raw", [f"the text number {at} of forty" for at in range(40)])
    whole = desk(tmp_path / "whole", workers=1)
    facts = made(whole, source, limit(20), limit(10))
    asked = whole.asked
    for cut in (1, asked // 3, 2 * asked // 3, asked):
        room = desk(tmp_path / f"cut{cut}", workers=1, cut_after=cut)
        with pytest.raises(Cut):
            made(room, source, limit(20), limit(10))
        again = desk(tmp_path / f"cut{cut}", workers=1)
        assert made(again, source, limit(20), limit(10)) == facts
        assert files(again.folder) == files(whole.folder)
        assert again.asked <= asked - (cut - 1)


def test_a_stop_is_heard_between_shards(tmp_path: Path, raw: Path):
    with pytest.raises(Interrupted):
        made(desk(tmp_path / "room", stop_after=1, workers=1), raw, limit(10))


def test_nothing_left_is_a_letter(tmp_path: Path, raw: Path):
    with pytest.raises(StageError) as caught:
        made(desk(tmp_path / "room"), raw, limit(0))
    assert caught.value.code == "RUN250"
    assert caught.value.notes == ("limit: 40 in, 0 kept",)


def test_what_was_dropped_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "texts").mkdir()
    lines = [json.dumps({"text": f"the text number {at} of forty"}) + "\n" for at in range(40)]
    (tmp_path / "texts" / "a.jsonl").write_text("".join(lines))
    (tmp_path / "tiny.lehr").write_text(
        'lehr 1\npipeline tiny { rng = 7 }\ncorpus raw { source = files("texts/*") }\n'
        "curate clean { of = raw;  limit { examples = 30 } }\n"
        "tokenizer words { from = [clean];  vocab = 300 }\n"
        "arch small { layers = 1;  width = 16;  heads = 2;  ffn = 32;  vocab = words.vocab }\n"
        "init newborn { arch = small;  tokenizer = words }\n"
        "train grown { from = newborn;  data = clean;  steps = 2;  context = 16 context;  lr = 1e-3\n"
        "  batch = 64 tokens }\n"
        "bench reads { suite = perplexity(clean, sequences: 4);  context = 16 context }\n"
        "eval marks { of = [grown];  benches = [reads] }\n"
    )
    monkeypatch.chdir(tmp_path)
    plan, _ = compile_spec("tiny.lehr", editions=EDITIONS)
    assert plan
    run(plan, root=tmp_path)
    assert not list((tmp_path / plan.run / "scratch").iterdir())
    shown = CliRunner().invoke(lehr, ["explain", "clean.dropped"])
    assert shown.exit_code == 0
    assert "limit: beyond the limit, dropped 10" in shown.output
    assert "texts/a.jsonl:" in shown.output
    assert CliRunner().invoke(lehr, ["explain", "dirty.dropped"]).exit_code == 2
