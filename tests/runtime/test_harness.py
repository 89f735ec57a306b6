"""Tasks of lm-evaluation-harness, where it is installed: the same question, the same score."""

import json
from pathlib import Path
from typing import Any

import pytest
from examinees import QUESTIONS, by_hand, examinee, jsonl, slowly

from lehr.compiler.plan.model import File, Harness, MultipleChoice
from lehr.runtime.errors import StageError
from lehr.runtime.parts.suites.measure import measure
from lehr.runtime.parts.suites.subject import Subject

pytest.importorskip("lm_eval", reason="the extra lehr[harness] is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of the libraries below it

ROWS = [
    {"question": one.get("question", one.get("prompt")), "choices": one["choices"], "answer": answer}
    for one, answer in zip(QUESTIONS, (1, 0, 3, 0), strict=True)
]


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return examinee(tmp_path)


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    """A folder of three tasks over the same file; nothing of it is on the network."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = folder / jsonl(folder, *ROWS).path
    data = f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {rows}}}}}\ntest_split: test\n"
    shape = "doc_to_text: '{{question}}'\ndoc_to_target: answer\n"
    metrics = "metric_list: [{metric: acc}, {metric: acc_norm}]\n"
    choice = f"task: house\noutput_type: multiple_choice\ndoc_to_choice: choices\n{shape}{metrics}"
    (folder / "house.yaml").write_text(data + choice)
    said = "task: said\noutput_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: nothing\n"
    until = "generation_kwargs: {until: ['.'], max_gen_toks: 4}\nmetric_list: [{metric: exact_match}]\n"
    (folder / "said.yaml").write_text(data + said + until)
    read = "task: read\noutput_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{question}}'\n"
    (folder / "read.yaml").write_text(data + read + "metric_list: [{metric: word_perplexity}]\n")
    return File(path=folder.name, digest="")


def bench(tasks: File, task: str, **more: Any) -> Harness:
    return Harness(**{"task": task, "folder": tasks, "shots": None, "limit": None, "context": 64, **more})


def test_a_multiple_choice_task_scores_as_our_own_suite(
    subject: Subject, tasks: File, tmp_path: Path
) -> None:
    score = measure(subject, bench(tasks, "house"), 0)
    ours = measure(subject, MultipleChoice(file=jsonl(tmp_path, *ROWS), shots=0, context=64), 0)
    by = by_hand(subject, QUESTIONS)
    assert score["metrics"] == {"acc": by["acc"], "acc_norm": by["acc_norm"]}
    assert (score["value"], score["metric"]) == (ours["acc_norm"], "acc_norm")


def test_fewer_questions_are_asked_where_the_bench_says_so(subject: Subject, tasks: File) -> None:
    score = measure(subject, bench(tasks, "house", limit=2), 0)
    assert score["metrics"]["acc"] == by_hand(subject, QUESTIONS[:2])["acc"]


def test_texts_are_generated_and_judged(subject: Subject, tasks: File) -> None:
    assert measure(subject, bench(tasks, "said"), 0)["metrics"] == {"exact_match": 0.0}


def test_whole_texts_are_judged_token_by_token(subject: Subject, tasks: File) -> None:
    from math import exp

    score = measure(subject, bench(tasks, "read"), 0)
    words, total = 0, 0.0
    for row in ROWS:
        (ids,) = subject.words.encode([row["question"]])
        total += slowly(subject, [subject.words.begin], ids)
        words += len(row["question"].split())
    assert score["value"] == pytest.approx(exp(-total / words), rel=1e-4)


def test_a_task_that_is_not_there_is_a_letter(subject: Subject, tasks: File) -> None:
    with pytest.raises(StageError, match="has no task `hous`") as failed:
        measure(subject, bench(tasks, "hous"), 0)
    assert failed.value.code == "RUN155"
    assert failed.value.notes == ("tasks there: house, read, said",)


def test_the_scores_are_json(subject: Subject, tasks: File) -> None:
    score = measure(subject, bench(tasks, "house"), 0)
    assert json.loads(json.dumps(score, allow_nan=False)) == score
