"""Tasks of lm-evaluation-harness from a folder of the user's: an optional extra, loaded when it is asked for.

The harness asks for likelihoods and texts, and our model answers.  Nothing is downloaded: only the
folder's tasks are known, and the libraries below are told that there is no network.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ....compiler.plan.model import Harness
from ...errors import StageError
from ..model.generate import generate
from .likelihood import encode, likelihoods
from .subject import Subject

_MOST_NEW = 256  # tokens of an answer, where a task says nothing
_FIRST = ("acc_norm", "acc", "exact_match", "f1", "word_perplexity")
"""The metric that a gate compares: the first of these that the task has, else its own first."""


def score(subject: Subject, bench: Harness) -> dict[str, Any]:
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    from lm_eval.evaluator import simple_evaluate  # pyright: ignore[reportMissingImports]
    from lm_eval.tasks import TaskManager  # pyright: ignore[reportMissingImports]

    tasks = TaskManager(include_path=str(subject.root / bench.folder.path), include_defaults=False)
    if bench.task not in tasks.all_tasks:
        known = ", ".join(sorted(tasks.all_tasks)[:8]) or "none"
        headline = f"{bench.folder.path} has no task `{bench.task}`"
        raise StageError("RUN155", "no-such-task", headline, notes=(f"tasks there: {known}",))
    found = simple_evaluate(
        model=_answering(subject, bench),
        tasks=[bench.task],
        num_fewshot=bench.shots,
        limit=bench.limit,
        task_manager=tasks,
        log_samples=False,
        bootstrap_iters=0,
        verbosity=None,
    )
    metrics = _metrics(found["results"].get(bench.task, {}) if found else {})
    if not metrics:
        raise StageError("RUN155", "no-such-task", f"`{bench.task}` has no metric of its own: name its tasks")
    main = next((name for name in _FIRST if name in metrics), next(iter(metrics)))
    return {"value": metrics[main], "task": bench.task, "metric": main, "metrics": metrics}


def _metrics(told: Mapping[str, Any]) -> dict[str, float]:
    """`acc` for `acc,none`; what other filters of a task give keeps their name."""
    found: dict[str, float] = {}
    for name, value in told.items():
        metric, _, filtered = name.partition(",")
        if isinstance(value, int | float) and filtered and not metric.endswith("_stderr"):
            found[metric if filtered == "none" else f"{metric}.{filtered}"] = float(value)
    return found


def _answering(subject: Subject, bench: Harness) -> Any:
    """Our model as the harness knows one."""
    from lm_eval.api.model import LM  # pyright: ignore[reportMissingImports]

    words = subject.words

    class Answering(LM):
        def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
            pairs = [encode(words, *request.args) for request in requests]
            found = likelihoods(subject, pairs, bench.context)
            return [(one.total, one.is_greedy) for one in found]

        def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
            return [_rolling(subject, request.args[0], bench.context) for request in requests]

        def generate_until(self, requests: Sequence[Any]) -> list[str]:
            asked = (request.args for request in requests)
            return [_until(subject, prompt, wanted, bench.context) for prompt, wanted in asked]

    return Answering()


def _rolling(subject: Subject, text: str, context: int) -> float:
    """The log-probability of a whole text, each token judged once with as much before it as fits."""
    (ids,) = subject.words.encode([text])
    whole, pairs, done = [subject.words.begin, *ids], list[tuple[list[int], list[int]]](), 1
    while done < len(whole):
        end = min(len(whole), done + context if done == 1 else done + max(1, context // 2))
        pairs.append((whole[max(0, end - 1 - context) : done], whole[done:end]))
        done = end
    return sum(one.total for one in likelihoods(subject, pairs, context))


def _until(subject: Subject, prompt: str, wanted: Mapping[str, Any], context: int) -> str:
    """What follows greedily, up to the first of the texts at which the task stops."""
    words, until = subject.words, wanted.get("until", [])
    stops = [until] if isinstance(until, str) else list(until)
    most = min(int(wanted.get("max_gen_toks", _MOST_NEW)), context - 1)
    (ids,) = words.encode([prompt])
    text = words.decode(_greedy(subject, [words.begin, *ids[-(context - 1 - most) :]], most))
    return text[: min((text.find(stop) for stop in stops if stop and stop in text), default=len(text))]


def _greedy(subject: Subject, prompt: list[int], most: int) -> list[int]:
    stop = frozenset({subject.words.end})
    replies = generate(
        subject.model, [prompt], max_new=most, stop=stop, temperature=0.0, rng=0, rope=subject.rope
    )
    return replies[0]
