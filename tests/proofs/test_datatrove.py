"""Heuristics beside datatrove's on the same documents; the differences that docs/curation.md explains.

datatrove is fetched into an environment of its own.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lehr.runtime.parts.curate import c4, fineweb, gopher, pieces, repetition
from lehr.runtime.parts.curate.heuristics import Limits
from lehr.runtime.parts.data.builtin import builtin

pytestmark = pytest.mark.proof
PEER = ("datatrove==0.10.1", "spacy>=3.8,<4", "tldextract>=5,<6", "nltk>=3.9,<4")
RESULTS = Path(__file__).parents[2] / "bench" / "results" / "datatrove.md"
HOW = (
    "`LEHR_RESULTS=write pytest -m proof tests/proofs/test_datatrove.py`; one core, in one run; documents out of the "
    "standard library's docstrings, alone, by module and repeated, and some of its sources."
)
LIMITS = Limits.read(
    {
        "words": [50, 100_000], "mean_word": [3, 10], "symbols": "1/10", "bullets": "9/10", "ellipses": "3/10",
        "letters": "4/5", "stop_words": 2, "duplicate_lines": "3/10", "duplicate_paragraphs": "3/10",
        "duplicate_line_characters": "1/5", "duplicate_paragraph_characters": "1/5",
        "top_grams": ["1/5", "18/100", "16/100"],
        "repeated_grams": ["15/100", "14/100", "13/100", "12/100", "11/100", "1/10"],
        "sentences": 5, "line_words": 3, "longest_word": 1000, "lines_end_with_punctuation": "12/100",
        "short_lines": "67/100", "short_line": 30, "repeated_lines": "1/100", "line_breaks": "3/10",
    }
)  # fmt: skip


def documents() -> list[dict[str, str]]:
    """Docstrings and manual pages of the library by themselves, by module, and twice over; and some sources."""
    prose, code = builtin("prose", wrong=0, rng=0).train, builtin("code", wrong=0, rng=0).train
    modules: dict[str, list[str]] = {}
    for one in prose:
        modules.setdefault(one.id.split("#")[0], []).append(one.text)
    found = {one.id: one.text for one in prose if len(one.text) > 300}
    found |= {f"all of {name}": "\n\n".join(texts)[:20_000] for name, texts in modules.items()}
    found |= {
        f"twice {name}": f"{texts[0]}\n{texts[0][: len(texts[0]) // 5]}" for name, texts in modules.items()
    }
    found |= {f"source {one.id}": one.text[:10_000] for one in code[:100]}
    return [{"id": name, "text": text} for name, text in found.items() if text.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datatrove")
    (folder / "documents.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents()))
    python = os.environ.get("LEHR_DATATROVE") or str(folder / "peer" / "bin" / "python")
    if not Path(python).exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "peer")], check=True)
        install = [python, "-m", "pip", "install", "--quiet", *PEER]
        got = subprocess.run(install, capture_output=True, text=True, timeout=900, check=False)
        if got.returncode:
            pytest.skip(f"datatrove cannot be fetched here: {got.stderr[-300:]}")
    script, words = Path(__file__).parent / "peer_datatrove.py", str(pieces.__file__)
    ran = subprocess.run(
        [python, str(script), str(folder), words], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def theirs(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "theirs.json").read_text())


def _c4(text: str) -> Any:
    return c4.lines(text, LIMITS)[2]


OURS: dict[str, Callable[[str], Any]] = {
    "quality": lambda text: gopher.broken(text, pieces.words_of(text), LIMITS),
    "repetition": lambda text: repetition.broken(text, pieces.words_of(text), LIMITS),
    "fineweb": lambda text: fineweb.broken(text, pieces.words_of(text), LIMITS),
    "c4": _c4,
}


def judged() -> tuple[dict[str, dict[str, str]], dict[str, float]]:
    said: dict[str, dict[str, str]] = {}
    seconds: dict[str, float] = {}
    every = documents()
    for name, rule in OURS.items():
        began, said[name] = time.process_time(), {}
        for one in every:
            broken = rule(one["text"])
            said[name][one["id"]] = broken[0] if broken else ""
            pieces.words_of.cache_clear()
        seconds[name] = time.process_time() - began
    return said, seconds


def unlike(ours: dict[str, str], theirs: dict[str, list[Any]]) -> dict[str, str]:
    """Documents that one keeps and the other does not, with both reasons."""
    return {
        name: f"{ours[name] or 'kept'} | {told[1] or 'kept'}"
        for name, told in theirs.items()
        if (ours[name] == "") != told[0]
    }


@pytest.mark.parametrize("name", OURS)
def test_with_the_same_words_the_same_documents_are_kept(name: str, theirs: dict[str, Any]):
    ours, _ = judged()
    dropped = sum(told != "" for told in ours[name].values())
    assert 20 < dropped < len(ours[name]) - 20
    assert unlike(ours[name], theirs["ours"]["said"][name]) == {}


def test_c4_leaves_the_same_text(theirs: dict[str, Any]):
    kept = {name: told[2] for name, told in theirs["ours"]["said"]["c4"].items() if len(told) > 2}
    texts = {one["id"]: one["text"] for one in documents()}
    assert kept
    assert {name: c4.lines(texts[name], LIMITS)[0] for name in kept} == kept


def test_what_other_words_come_to_and_how_fast_both_are(theirs: dict[str, Any]):
    """spaCy has words of its own: so near a threshold some documents fall on the other side."""
    ours, seconds = judged()
    count = len(documents())
    rows = [
        "| filter | drops here | drops there | differ | documents a second here | there | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    lines: list[str] = []
    for name in OURS:
        said = theirs["spacy"]["said"][name]
        other = unlike(ours[name], said)
        assert len(other) <= count // 12
        here, there = count / seconds[name], count / theirs["spacy"]["seconds"][name]
        drops = sum(one != "" for one in ours[name].values()), sum(not one[0] for one in said.values())
        rows.append(
            f"| {name} | {drops[0]} | {drops[1]} | {len(other)} | {here:,.0f} | {there:,.0f} | {here / there:.1f} |"
        )
        lines += [f"- {name}: {times} × {why}" for why, times in Counter(other.values()).most_common(6)]
    here = sum(seconds[name] for name in ("quality", "repetition"))
    there = sum(theirs["spacy"]["seconds"][name] for name in ("quality", "repetition"))
    rows.append(
        f"| both of Gopher's | | | | {count / here:,.0f} | {count / there:,.0f} | {there / here:.1f} |"
    )
    told = [
        "# Heuristics beside datatrove 0.10.1",
        "",
        HOW,
        "",
        *rows,
        "",
        f"{count} documents.  Unlike (here | there):",
        "",
        *lines,
    ]
    print("\n".join(told))
    if os.environ.get("LEHR_RESULTS") == "write":
        RESULTS.write_text("\n".join(told) + "\n")
