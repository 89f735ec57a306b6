"""The quickstart learns, on what was held out, whatever the seed."""

import json
from pathlib import Path

import pytest
from pipelines import go

QUICKSTART = Path(__file__).parents[2] / "specs" / "quickstart.lehr"
pytestmark = pytest.mark.proof

CORPORA = ("reads_prose", "reads_code", "reads_skills")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeds share a store: the prose and the code are made once."""
    return tmp_path_factory.mktemp("learning")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_stage_does_what_it_is_for(folder: Path, seed: int, capsys: pytest.CaptureFixture[str]):
    found = go(folder, "run", str(QUICKSTART), "--set", f"seed={seed}", timeout=1800)
    assert found.returncode == 0, found.stderr
    entries = json.loads((folder / "runs/quickstart/full/ledger.json").read_text())["entries"]
    scores = {
        name: entries[f"marks({name})"]["facts"]["scores"]
        for name in ("newborn", "pretrain", "lengthen", "anneal")
    }
    with capsys.disabled():
        print(f"\nseed {seed}, {sum(entry['seconds'] for entry in entries.values()):.0f} s\n{found.stdout}")
        for name, told in scores.items():
            places = {corpus: _rounded(told[corpus]["by_position"]) for corpus in CORPORA}
            print(name, places)

    for corpus in CORPORA:
        assert scores["newborn"][corpus]["perplexity"] >= 10 * scores["pretrain"][corpus]["perplexity"]
    for corpus in CORPORA:
        before, after = scores["pretrain"][corpus]["by_position"], scores["lengthen"][corpus]["by_position"]
        assert before["256-511"] - after["256-511"] >= 0.3
        assert after["0-31"] - before["0-31"] <= 0.15
    assert scores["anneal"]["reads_skills"]["nats"] < scores["lengthen"]["reads_skills"]["nats"] - 0.02
    assert scores["anneal"]["answers"]["exact"] >= 0.6


def _rounded(places: dict[str, float]) -> dict[str, float]:
    return {place: round(nats, 2) for place, nats in places.items()}
