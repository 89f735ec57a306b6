"""Corpora of one's own, from the files to the artifact: what is kept, what is left out, what is refused."""

import gzip
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan import files
from lehr.compiler.plan.model import CorpusWork, Files, Origin, Plan, Step, Synthetic
from lehr.runtime.engine.walk import run
from lehr.runtime.errors import Interrupted, LehrError, Refusal, StageError
from lehr.runtime.parts.data.tables import read_documents
from lehr.runtime.stages import corpus
from lehr.runtime.stages.editions import EDITIONS

SPEC = """\
lehr 1
pipeline tiny { rng = 7 }
corpus own { source = files("data/**/*.jsonl*") }
tokenizer words { from = [own];  vocab = 300 }
arch small { layers = 1;  width = 16;  heads = 2;  ffn = 32;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
train grown { from = newborn;  data = own;  steps = 2;  context = 16 context;  batch = 64 tokens;  lr = 1e-3 }
"""


@dataclass
class Desk:
    folder: Path
    root: Path
    stopping: bool = False
    workers: int = 0
    checkpoints: Any = None
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def say(self, event: str, **facts: Any) -> None:
        self.said.append((event, facts))

    def gate(self, done: int, model: Any, save: Any) -> None: ...


def fill(folder: Path) -> None:
    """Forty texts in three files."""
    (folder / "data" / "deep").mkdir(parents=True)
    for file, first in (("a.jsonl", 0), ("deep/b.jsonl", 20), ("z.jsonl", 30)):
        lines = [
            json.dumps({"text": f"the text number {at} is about {at * at} things of kind {at % 7}", "at": at})
            for at in range(first, first + (20 if file == "a.jsonl" else 10))
        ]
        (folder / "data" / file).write_text("\n".join(lines) + "\n")


def desk(root: Path, name: str = "room") -> Desk:
    (root / name).mkdir()
    return Desk(root / name, root)


def step(root: Path, max_bad: int = 0, pattern: str = "data/**/*.jsonl*") -> Step:
    source = Files(pattern=pattern, files=files.matching(pattern, root), text="text", max_bad=max_bad)
    origin = Origin(path="spec.lehr", line=1, column=1)
    work = CorpusWork(source=source)
    return Step(address="own", fingerprint="0" * 64, inputs={}, work=work, origin=origin)


def test_every_text_is_in_one_part_in_the_order_of_the_files(tmp_path: Path) -> None:
    fill(tmp_path)
    room = desk(tmp_path)
    facts = corpus.run(step(tmp_path), {}, room)
    parts = {part: list(read_documents(room.folder / f"{part}.parquet")) for part in ("train", "heldout")}
    assert {part: len(found) for part, found in parts.items()} == {"train": 37, "heldout": 3}
    assert {part: facts[part]["documents"] for part in parts} == {"train": 37, "heldout": 3}
    names = [document.id for document in parts["train"]]
    whole = [f"data/{file}:{line}" for file, count in (("a.jsonl", 20), ("deep/b.jsonl", 10), ("z.jsonl", 10))
             for line in range(1, count + 1)]  # fmt: skip
    assert names == [name for name in whole if name in names]
    assert sorted(names + [document.id for document in parts["heldout"]]) == sorted(whole)
    assert sorted(path.name for path in room.folder.iterdir()) == ["heldout.parquet", "train.parquet"]


def test_what_else_a_record_says_is_kept(tmp_path: Path) -> None:
    fill(tmp_path)
    room = desk(tmp_path)
    corpus.run(step(tmp_path), {}, room)
    rows = pq.read_table(room.folder / "train.parquet").to_pylist()
    assert {row["id"]: json.loads(row["meta"])["at"] for row in rows}["data/deep/b.jsonl:3"] == 22


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path)
    one, other = desk(tmp_path, "one"), desk(tmp_path, "other")
    assert corpus.run(step(tmp_path), {}, one) == corpus.run(step(tmp_path), {}, other)
    for part in ("train.parquet", "heldout.parquet"):
        assert (one.folder / part).read_bytes() == (other.folder / part).read_bytes()


def test_texts_of_blanks_are_counted_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jsonl").write_text('{"text": " \\n"}\n{"text": "a"}\n{"text": ""}\n')
    facts = corpus.run(step(tmp_path), {}, desk(tmp_path))
    assert (facts["empty"], facts["train"]["documents"]) == (2, 1)


def test_a_bad_record_ends_the_stage_with_file_and_line(tmp_path: Path) -> None:
    fill(tmp_path)
    with (tmp_path / "data" / "a.jsonl").open("a") as file:
        file.write('{"text": 7}\n')
    with pytest.raises(StageError) as refused:
        corpus.run(step(tmp_path), {}, desk(tmp_path))
    assert (refused.value.code, refused.value.headline) == (
        "RUN142",
        "data/a.jsonl:21 has no text in `text`, but a number",
    )


def test_as_many_bad_records_as_the_spec_allows_are_left_out_and_listed(tmp_path: Path) -> None:
    fill(tmp_path)
    with (tmp_path / "data" / "a.jsonl").open("ab") as file:
        file.write(b'{"text": 7}\n{"text": "\xff"}\n')
    room = desk(tmp_path)
    facts = corpus.run(step(tmp_path, max_bad=2), {}, room)
    assert facts["train"]["documents"] + facts["heldout"]["documents"] == 40
    assert facts["bad"]["records"] == 2
    listed = [json.loads(line) for line in (room.folder / "bad.jsonl").read_text().splitlines()]
    assert [(one["file"], one["line"]) for one in listed] == [("data/a.jsonl", 21), ("data/a.jsonl", 22)]
    assert [event for event, _ in room.said] == ["left_out"] * 2
    with pytest.raises(StageError, match=r"a\.jsonl:22 is no UTF-8"):
        corpus.run(step(tmp_path, max_bad=1), {}, desk(tmp_path, "again"))


def test_a_damaged_file_is_refused_and_the_others_are_kept_where_some_may_be_bad(tmp_path: Path) -> None:
    fill(tmp_path)
    whole = gzip.compress("".join(f'{{"text": "packed number {at * at}"}}\n' for at in range(999)).encode())
    (tmp_path / "data" / "y.jsonl.gz").write_bytes(whole[:-400])
    with pytest.raises(StageError) as refused:
        corpus.run(step(tmp_path), {}, desk(tmp_path))
    assert refused.value.code == "RUN143"
    room = desk(tmp_path, "again")
    facts = corpus.run(step(tmp_path, max_bad=1), {}, room)
    (bad,) = (json.loads(line) for line in (room.folder / "bad.jsonl").read_text().splitlines())
    assert bad["file"] == "data/y.jsonl.gz"
    assert bad["why"].startswith("is damaged")
    assert bad["why"].endswith("what follows is lost")
    assert facts["train"]["documents"] + facts["heldout"]["documents"] == 40 + bad["line"] - 1


def test_reading_stops_when_asked_to(tmp_path: Path) -> None:
    fill(tmp_path)
    room = desk(tmp_path)
    room.stopping = True
    with pytest.raises(Interrupted):
        corpus.run(step(tmp_path), {}, room)


# ---- before anything starts --------------------------------------------------------------


def plan(folder: Path, monkeypatch: pytest.MonkeyPatch, spec: str = SPEC) -> Plan:
    monkeypatch.chdir(folder)
    (folder / "own.lehr").write_text(spec)
    found, _ = compile_spec("own.lehr", editions=EDITIONS)
    assert found
    return found


def refusal(planned: Plan, root: Path) -> LehrError:
    with pytest.raises(Refusal) as refused:
        run(planned, root=root)
    assert not (root / planned.store).exists() or not any((root / planned.store).iterdir())
    return refused.value


def test_a_pipeline_on_files_of_ones_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    ledger = run(plan(tmp_path, monkeypatch), root=tmp_path)
    assert {entry.state for entry in ledger.entries.values()} == {"done"}


def test_a_corpus_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = refusal(plan(tmp_path, monkeypatch), tmp_path)
    assert (refused.code, refused.step) == ("RUN140", "own")
    assert refused.headline == "no file matches `data/**/*.jsonl*`, which `own` reads"


def test_files_that_moved_since_the_plan_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    planned = plan(tmp_path, monkeypatch)
    (tmp_path / "data" / "a.jsonl").write_text('{"text": "another"}\n')
    (tmp_path / "data" / "z.jsonl").rename(tmp_path / "data" / "y.jsonl")
    refused = refusal(planned, tmp_path)
    assert (refused.code, refused.notes) == (
        "RUN141",
        ("data/a.jsonl has changed", "data/y.jsonl is new", "data/z.jsonl is gone"),
    )
    assert files.moved(planned) == ["data/a.jsonl", "data/y.jsonl", "data/z.jsonl"]


def test_what_was_read_already_may_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    planned = plan(tmp_path, monkeypatch)
    run(planned, root=tmp_path)
    shutil.rmtree(tmp_path / "data")
    run(planned, root=tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.tar.gz", "is of a kind that is not read here: .tar"),
        ("a.txt", "leads out of the working folder"),
    ],
)
def test_a_file_that_is_never_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    (tmp_path / "data").mkdir()
    outside = tmp_path.with_suffix(".outside")
    outside.write_text("secret")
    (tmp_path / "data" / name).symlink_to(outside)
    spec = SPEC.replace("data/**/*.jsonl*", "data/*")
    refused = refusal(plan(tmp_path, monkeypatch, spec), tmp_path)
    assert (refused.code, refused.headline) == ("RUN143", f"data/{name} {told}")


@pytest.mark.parametrize("pattern", ["/data/*.jsonl", "../data/*.jsonl", "data/../../up/*"])
def test_a_pattern_that_leaves_the_folder_is_a_letter(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "own.lehr").write_text(SPEC.replace("data/**/*.jsonl*", pattern))
    found, letters = compile_spec(str(tmp_path / "own.lehr"), editions=EDITIONS)
    assert found is None
    assert [(one.code, one.headline) for one in letters if one.severity == "error"] == [
        ("NAM111", f"`{pattern}` leaves the folder in which the pipeline runs")
    ]


# ---- stand-ins -----------------------------------------------------------------------------


def stand_in(root: Path, name: str, **sizes: Any) -> tuple[dict[str, Any], Path]:
    room = desk(root, name)
    source = Synthetic(**{"seed": 1, "tokens": None, "examples": None, "lengths": None} | sizes)
    origin = Origin(path="spec.lehr", line=1, column=1)
    made = Step(address="own", fingerprint="0" * 64, inputs={}, work=CorpusWork(source=source), origin=origin)
    return corpus.run(made, {}, room), room.folder


def test_a_stand_in_has_the_size_that_the_spec_says(tmp_path: Path) -> None:
    facts, folder = stand_in(tmp_path, "a", tokens=50_000, lengths=(100, 200))
    documents = list(read_documents(folder / "train.parquet"))
    size = facts["train"]["bytes"] + facts["heldout"]["bytes"]
    assert 200_000 <= size < 201_000 + 4 * 200
    assert 400 <= min(len(one.text) for one in documents) <= max(len(one.text) for one in documents) < 1000
    facts, _ = stand_in(tmp_path, "b", examples=40)
    assert facts["train"]["documents"] + facts["heldout"]["documents"] == 40


def test_a_stand_in_follows_its_seed_and_has_words_that_come_again(tmp_path: Path) -> None:
    facts = [stand_in(tmp_path, f"{at}", tokens=5000, seed=seed)[0] for at, seed in enumerate((1, 1, 2))]
    assert facts[0] == facts[1]
    assert facts[0]["sha256"] != facts[2]["sha256"]
    _, folder = stand_in(tmp_path, "words", tokens=20_000)
    words = " ".join(one.text for one in read_documents(folder / "train.parquet")).lower().split()
    assert max(words.count(word) for word in set(words)) > len(words) // 20
