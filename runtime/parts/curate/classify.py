"""A classifier of texts: learnt from two corpora, written as tensors, read again to score.

`hashed_linear` is a logistic regression on hashed words and word pairs: the words and hashes are those
of this folder, the fit is scikit-learn's, and scores need neither.  `fasttext` is that library's, whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ....compiler.plan.model import FastText, HashedLinear
from .words import numbered, runs, words

WEIGHTS, BINARY, TOLD = "weights.safetensors", "model.bin", "classifier.json"
HALF = 0.5
"""A text that scores this much is taken for the class."""
_ALPHA, _EPOCHS = 1e-5, 20
_LABEL = "__label__"
Features = tuple[NDArray[np.int64], NDArray[np.float32]]
Scorer = Callable[[str], float]


def scorer(folder: Path) -> Scorer:
    """How probable a text is of the class `yes`, by the classifier in a folder."""
    told = json.loads((folder / TOLD).read_text())
    return (
        _fasttext_scorer(folder) if told["kind"] == "fasttext" else _linear_scorer(folder, told["features"])
    )


def fit(
    texts: Sequence[str], yes: Sequence[bool], model: HashedLinear | FastText, rng: int, out: Path
) -> None:
    """Learn which texts are of the class, and write what was learnt."""
    if isinstance(model, FastText):
        _fit_fasttext(texts, yes, model, rng, out)
    else:
        _fit_linear(texts, yes, model.features, rng, out)
    (out / TOLD).write_text(json.dumps({"version": 1, **model.model_dump()}, sort_keys=True) + "\n")


def measures(scores: Sequence[float], yes: Sequence[bool]) -> dict[str, float]:
    """How well scores tell the classes apart: precision and recall of a half and more, and the area under the ROC.

    The area is how often a text of the class scores more than one of the other, ties half (Mann and Whitney).
    """
    scored, good = np.asarray(scores), np.asarray(yes, np.bool_)
    taken = scored >= HALF
    right = int((taken & good).sum())
    _, places, counts = np.unique(scored, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    count = int(good.sum())
    area = (ranks[good].sum() - count * (count + 1) / 2) / (count * (len(good) - count))
    found = {"precision": right / max(1, int(taken.sum())), "recall": right / count, "auc": float(area)}
    return {name: round(value, 6) for name, value in found.items()}


# ---- logistic regression on hashes ----------------------------------------------------------


def features(text: str, count: int) -> Features:
    """The words and word pairs of a text as places among `count`, and their weights: a vector of length 1."""
    single = numbered(text)
    every = np.concatenate([single, runs(single, 2)]) % np.uint64(count)
    places, often = np.unique(every.astype(np.int64), return_counts=True)
    length = float(np.sqrt(np.square(often.astype(np.float64)).sum())) or 1.0
    return places, (often / length).astype(np.float32)


def _fit_linear(texts: Iterable[str], yes: Sequence[bool], count: int, rng: int, out: Path) -> None:
    sparse, linear = import_module("scipy.sparse"), import_module("sklearn.linear_model")
    found = [features(text, count) for text in texts]
    ends = np.cumsum([0, *(len(places) for places, _ in found)])
    flat = [np.concatenate(some) for some in zip(*found, strict=True)]
    matrix = sparse.csr_array((flat[1], flat[0].astype(np.int32), ends.astype(np.int32)), (len(found), count))
    learner = linear.SGDClassifier(
        loss="log_loss",
        alpha=_ALPHA,
        max_iter=_EPOCHS,
        tol=None,
        class_weight="balanced",
        random_state=rng % (1 << 32),
    )
    learner.fit(matrix, np.asarray(yes))
    weights, bias = learner.coef_[0].astype(np.float32), learner.intercept_.astype(np.float32)
    save_file({"bias": bias, "weights": np.ascontiguousarray(weights)}, out / WEIGHTS)


def _linear_scorer(folder: Path, count: int) -> Scorer:
    tensors = load_file(folder / WEIGHTS)
    weights, bias = tensors["weights"].astype(np.float64), float(tensors["bias"][0])

    def score(text: str) -> float:
        places, shares = features(text, count)
        return float(1 / (1 + np.exp(-(weights[places] @ shares + bias))))

    return score


# ---- fastText -------------------------------------------------------------------------------


def _fit_fasttext(texts: Iterable[str], yes: Sequence[bool], model: FastText, rng: int, out: Path) -> None:
    """One thread: with more the library comes to another result each time."""
    library, rows = import_module("fasttext"), out / "rows.txt"
    with rows.open("w", encoding="utf-8") as file:
        for text, good in zip(texts, yes, strict=True):
            file.write(f"{_LABEL}{'yes' if good else 'no'} {_line(text)}\n")
    learnt = library.train_supervised(
        input=str(rows),
        dim=model.dims,
        wordNgrams=model.ngrams,
        minCount=1,
        seed=rng % (1 << 31),
        thread=1,
        verbose=0,
    )
    learnt.save_model(str(out / BINARY))
    rows.unlink()


def _fasttext_scorer(folder: Path) -> Scorer:
    learnt = import_module("fasttext").load_model(str(folder / BINARY))

    def score(text: str) -> float:
        labels, shares = learnt.predict(_line(text), k=2)
        return min(1.0, float(dict(zip(labels, shares, strict=True)).get(f"{_LABEL}yes", 0.0)))

    return score


def _line(text: str) -> str:
    return b" ".join(words(text)).decode()
