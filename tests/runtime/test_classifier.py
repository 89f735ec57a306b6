"""`classifier` learns to tell texts apart and says how well; `quality` keeps what it likes."""

import json
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from curation import ORIGIN, corpus, made, rows
from rooms import desk

from lehr.compiler.plan.model import ClassifierWork, FastText, HashedLinear, Step
from lehr.runtime.errors import StageError
from lehr.runtime.parts.curate import classify
from lehr.runtime.stages import classifier

pytest.importorskip("sklearn", reason="the extra `classify` is not installed")
HASHED = HashedLinear(features=1 << 14)


def written(count: int, rng: random.Random, good: bool) -> list[str]:
    """Sentences of two sorts that share most of their words."""
    own = [f"{'good' if good else 'bad'}{at}" for at in range(40)]
    shared = [f"word{at}" for at in range(300)]
    return [
        " ".join(rng.choice(own if rng.random() < 0.25 else shared) for _ in range(30)) for _ in range(count)
    ]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, rng = tmp_path_factory.mktemp("texts"), random.Random(1)
    return {
        "yes": corpus(folder / "yes", written(200, rng, True), heldout=0),
        "no": corpus(folder / "no", written(300, rng, False), heldout=0),
    }


def learn(texts: dict[str, Path], folder: Path, model: Any = HASHED, holdout: str = "1/5") -> dict[str, Any]:
    work = ClassifierWork(model=model, holdout=holdout, rng=3)  # pyright: ignore[reportArgumentType]
    step = Step(
        address="judge", fingerprint="0" * 64, inputs={"yes": "yes", "no": "no"}, work=work, origin=ORIGIN
    )
    return classifier.run(step, texts, desk(folder))


@pytest.fixture(scope="module")
def judge(texts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge")
    learn(texts, folder)
    return folder


def test_it_is_measured_on_texts_that_it_has_not_seen(texts: dict[str, Path], tmp_path: Path):
    facts = learn(texts, tmp_path / "judge")
    assert facts["yes"]["train"] + facts["yes"]["heldout"] == 200
    assert 30 < facts["no"]["heldout"] < 90
    assert min(facts["precision"], facts["recall"], facts["auc"]) > 0.95


def test_what_was_learnt_is_the_same_each_time_and_no_pickle(
    texts: dict[str, Path], judge: Path, tmp_path: Path
):
    learn(texts, tmp_path / "again")
    assert sorted(path.name for path in judge.iterdir()) == ["classifier.json", "weights.safetensors"]
    for path in judge.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_nothing_can_be_told_from_labels_that_are_drawn(tmp_path: Path):
    rng = random.Random(2)
    pair = {name: corpus(tmp_path / name, written(150, rng, True), heldout=0) for name in ("yes", "no")}
    assert 0.3 < learn(pair, tmp_path / "judge")["auc"] < 0.7


def test_measures_are_those_of_the_textbook():
    yes = [True, True, True, False, False]
    assert classify.measures([0.9, 0.6, 0.4, 0.6, 0.1], yes) == {
        "precision": round(2 / 3, 6), "recall": round(2 / 3, 6), "auc": round(4.5 / 6, 6),
    }  # fmt: skip


def test_features_are_hashed_words_and_pairs_of_length_one():
    places, shares = classify.features("one two one two", 1 << 20)
    assert len(places) == 4  # one, two, one two, two one
    assert np.square(shares).sum() == pytest.approx(1)
    assert all(len(part) == 0 for part in classify.features("", 8))


def test_a_class_without_texts_is_a_letter(texts: dict[str, Path], tmp_path: Path):
    few = corpus(tmp_path / "few", ["one"], heldout=0)
    with pytest.raises(StageError) as caught:
        learn({**texts, "no": few}, tmp_path / "judge")
    assert caught.value.code == "RUN265"


# ---- what it is for --------------------------------------------------------------------------


def quality(keep: Any) -> tuple[str, dict[str, Any]]:
    return "quality", {"judge": "judge", "keep": keep}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(4)
    texts = [written(1, rng, at % 4 == 0)[0] for at in range(40)]
    return corpus(tmp_path_factory.mktemp("raw") / "raw", texts, heldout=0)


def test_a_share_keeps_the_best_and_each_carries_its_score(raw: Path, judge: Path, tmp_path: Path):
    room = desk(tmp_path / "room", workers=1)
    made(room, raw, quality({"kind": "top", "share": "1/4"}), quality__judge=judge)
    kept = rows(room)
    assert [name for name, _, _ in kept] == [f"a:{at}" for at in range(0, 40, 4)]
    assert all(meta["judge"] > 0.5 and meta["tags"] == ["judge"] for _, _, meta in kept)


def test_a_score_keeps_what_has_it(raw: Path, judge: Path, tmp_path: Path):
    score = classify.scorer(judge)
    room = desk(tmp_path / "room", workers=1)
    made(room, raw, quality("9/10"), quality__judge=judge)
    assert all(score(text) >= 0.9 for _, text, _ in rows(room))
    every = desk(tmp_path / "every", workers=1)
    made(every, raw, quality("0"), quality__judge=judge)
    assert len(rows(every)) == 40  # all stay, and each is in a category
    assert sum(meta.get("tags") == ["judge"] for _, _, meta in rows(every)) == 10


def test_fasttext_is_handed_what_it_needs(
    texts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The library itself is an extra; here stands one that knows the words."""

    class Learnt:
        def save_model(self, path: str) -> None:
            Path(path).write_text("learnt")

        def predict(self, line: str, k: int) -> tuple[tuple[str, ...], list[float]]:
            share = 0.9 if "good" in line else 0.2
            return ("__label__yes", "__label__no"), [share, 1 - share]

    library, asked = ModuleType("fasttext"), dict[str, Any]()

    def train(**given: Any) -> Learnt:
        asked.update(given, rows=Path(given["input"]).read_text())
        return Learnt()

    library.train_supervised, library.load_model = train, lambda path: Learnt()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fasttext", library)
    facts = learn(texts, tmp_path / "judge", FastText(dims=8, ngrams=2))
    assert (asked["dim"], asked["wordNgrams"], asked["thread"]) == (8, 2, 1)
    assert asked["rows"].startswith("__label__")
    assert facts["auc"] > 0.9
    told = json.loads((tmp_path / "judge" / "classifier.json").read_text())
    assert told == {"version": 1, "kind": "fasttext", "dims": 8, "ngrams": 2}
