"""`label`: which of two answers is better, by people or by a check that stands for them.

For people a folder gets the questions as JSON lines and one page that shows them, which needs nothing but a browser;
the stage waits, and goes on once `labels.jsonl` there answers them all.  A `sample` of pairs is asked about as it is;
of answers, each prompt's first two that differ.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...compiler.plan.files import opened
from ...compiler.plan.model import LabelWork, Step
from ..errors import Held, StageError
from ..parts import door
from ..parts.chat.rows import PAIRS, Pair, Prompt, read_conversations, read_pairs, told, write_pairs
from ..parts.judging.asked import Asked
from ..parts.judging.door import judge_of
from ..store.atomic import write_bytes
from .room import Facts, Room

QUEUE, PAGE, LABELS = "queue.jsonl", "label.html", "labels.jsonl"
_CHOICES = ("a", "b", "tie")
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Label:
    """What somebody said of a question: `a` is the answer that stands first."""

    better: str
    level: int | None = None
    edited: str | None = None


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, LabelWork)
    questions = {pair.id: pair for pair in _questions(inputs["of"])}
    if not questions:
        headline = f"`{step.address}` has nothing to ask: no prompt has two answers that differ"
        raise StageError("RUN224", "nothing-kept", headline, step=step.address)
    labels = (_by_check if work.oracle else _by_people)(step, questions, inputs, room)
    pairs = [pair for name, one in questions.items() if (pair := _labelled(one, labels[name]))]
    if not pairs:
        headline = f"`{step.address}` keeps no pair: every label is a tie"
        raise StageError("RUN224", "nothing-kept", headline, step=step.address)
    write_pairs(room.folder / PAIRS, pairs)
    return {
        "questions": len(questions),
        "pairs": len(pairs),
        "examples": len(pairs),
        "ties": len(questions) - len(pairs),
    }


def _questions(folder: Path) -> Iterator[Pair]:
    if (folder / PAIRS).is_file():
        yield from read_pairs(folder)
        return
    waiting: dict[str, tuple[Any, str]] = {}
    asked: set[str] = set()
    for one in read_conversations(folder):
        name = "/".join(one.id.split("/")[:-2])
        *prompt, answer = one.messages
        if name in asked:
            continue
        if name not in waiting:
            waiting[name] = (tuple(prompt), answer.content)
        elif waiting[name][1] != answer.content:
            asked.add(name)
            meta = {
                key: value
                for key, value in one.meta.items()
                if key not in ("score", "member", "ended", "prompt")
            }
            yield Pair(name, waiting[name][0], waiting.pop(name)[1], answer.content, meta=meta)


def _labelled(pair: Pair, label: Label) -> Pair | None:
    if label.better == "tie":
        return None
    if label.better == "b":
        pair = replace(pair, chosen=pair.rejected, rejected=pair.chosen)
    return replace(pair, level=label.level, edited=label.edited)


# ---- a check ------------------------------------------------------------------------------


def _by_check(
    step: Step, questions: Mapping[str, Pair], inputs: Mapping[str, Path], room: Room
) -> dict[str, Label]:
    work = step.work
    assert isinstance(work, LabelWork)
    assert work.oracle
    judge = judge_of(step, work.oracle, inputs, room)
    asked = [
        Asked(Prompt(name, pair.prompt, pair.meta), answer, ended=True)
        for name, pair in questions.items()
        for answer in (pair.chosen, pair.rejected)
    ]
    scores = iter(judge(asked))
    found: dict[str, Label] = {}
    for name in questions:
        first, second = next(scores), next(scores)
        found[name] = Label("tie" if first == second else "a" if first > second else "b")
    return found


# ---- people ---------------------------------------------------------------------------------


def _by_people(
    step: Step, questions: Mapping[str, Pair], inputs: Mapping[str, Path], room: Room
) -> dict[str, Label]:
    work = step.work
    assert isinstance(work, LabelWork)
    folder = room.root / (work.people or "")
    if not folder.resolve().is_relative_to(room.root.resolve()):
        headline = f"the queue of `{step.address}` leads out of the working folder: {work.people}"
        raise StageError("RUN226", "queue-outside", headline, step=step.address)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": name, "prompt": told(pair.prompt), "a": pair.chosen, "b": pair.rejected}
        for name, pair in questions.items()
    ]
    _write(folder / QUEUE, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    _write(folder / PAGE, page(work.question, rows))
    labels = _read(step, f"{work.people}/{LABELS}", questions, room)
    missing = [name for name in questions if name not in labels]
    if missing:
        raise Held(
            "RUN227",
            "labels-awaited",
            f"`{step.address}` waits for people: {len(labels)} of {len(questions)} questions are answered",
            notes=(f"open {work.people}/{PAGE} in a browser; what it saves goes to {work.people}/{LABELS}",),
            help=("`lehr resume` goes on when all are there",),
            step=step.address,
        )
    return labels


def _write(path: Path, text: str) -> None:
    """Unless it says that already: people may have it open."""
    raw = text.encode()
    if not path.is_file() or path.read_bytes() != raw:
        write_bytes(path, raw)


def _read(step: Step, name: str, questions: Mapping[str, Pair], room: Room) -> dict[str, Label]:
    """The labels that are there; a later one for a question replaces an earlier one."""
    if not (room.root / name).exists():
        return {}
    found: dict[str, Label] = {}
    with opened(name, room.root) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                identity, label = _label(door.decoded(line))
            except ValueError as error:
                raise _bad(step, f"{name}:{number} {error}") from None
            if identity not in questions:
                raise _bad(step, f"{name}:{number} labels {identity[:80]!r}, which nobody asked")
            found[identity] = label
    return found


def _label(row: Any) -> tuple[str, Label]:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise ValueError("is no label: it has no `id`")
    better, level, edited = row.get("better"), row.get("level"), row.get("edited")
    if better not in _CHOICES:
        raise ValueError("has a `better` that is none of a, b, tie")
    if level is not None and (isinstance(level, bool) or not isinstance(level, int) or not 0 <= level <= 9):
        raise ValueError("has a `level` that is no number from 0 to 9")
    if edited is not None and not isinstance(edited, str):
        raise ValueError("has an `edited` that is no text")
    return row["id"], Label(better, level, edited or None)


def _bad(step: Step, headline: str) -> StageError:
    row = '{"id": "…", "better": "a"}'
    help = (f"a label looks like this: {row}; `level`, 0 to 9, and `edited` may stand beside it",)
    return StageError("RUN225", "bad-label", headline, help=help, step=step.address)


def page(question: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Questions with their answers, and what saves the labels; it loads nothing, and sends nothing anywhere."""
    data = json.dumps(list(rows), ensure_ascii=False).replace("<", "\\u003c")
    return _PAGE.replace("{question}", html.escape(question)).replace("{data}", data)


_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{question}</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  pre { white-space: pre-wrap; border: 1px solid #999; padding: .7rem; border-radius: .3rem }
  .two { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
  button { font: inherit; padding: .4rem 1rem; margin-right: .5rem }
  textarea { width: 100%; box-sizing: border-box; font: inherit }
</style>
<h1>{question}</h1>
<p id="place"></p>
<div id="prompt"></div>
<div class="two"><div><h2>A</h2><pre id="a"></pre></div><div><h2>B</h2><pre id="b"></pre></div></div>
<p><label>How much better (0 hardly, 3 much) <input id="level" type="number" min="0" max="9"></label></p>
<p><label>The better answer, if you would write it otherwise<textarea id="edited" rows="3"></textarea></label></p>
<p><button data-better="a">A</button><button data-better="b">B</button><button data-better="tie">Neither</button>
<button id="back">Back</button><button id="save">Save labels.jsonl</button></p>
<script>
const rows = {data};
const labels = new Map();
let at = 0;
const get = (id) => document.getElementById(id);
function show() {
  const row = rows[at];
  get("place").textContent = `${at + 1} of ${rows.length}, ${labels.size} answered`;
  get("prompt").replaceChildren(...row.prompt.map((turn) => {
    const pre = document.createElement("pre");
    pre.textContent = `${turn.role}: ${turn.content}`;
    return pre;
  }));
  get("a").textContent = row.a;
  get("b").textContent = row.b;
  const known = labels.get(row.id) || {};
  get("level").value = known.level ?? "";
  get("edited").value = known.edited ?? "";
}
for (const button of document.querySelectorAll("[data-better]")) {
  button.onclick = () => {
    const label = { id: rows[at].id, better: button.dataset.better };
    if (get("level").value !== "") label.level = Number(get("level").value);
    if (get("edited").value.trim()) label.edited = get("edited").value;
    labels.set(label.id, label);
    at = Math.min(at + 1, rows.length - 1);
    show();
  };
}
get("back").onclick = () => { at = Math.max(0, at - 1); show(); };
get("save").onclick = () => {
  const text = [...labels.values()].map((one) => JSON.stringify(one) + "\\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  link.download = "labels.jsonl";
  link.click();
};
show();
</script>
</html>
"""
