"""Gates of a real run: exit 6 on the way and at the end, `status`, and `resume --pass`."""

import json
from pathlib import Path

from pipelines import go, weights

SMALL = """\
lehr 1
pipeline tiny { rng = 7 }
corpus own { source = files("own/*.jsonl") }
tokenizer words { from = [own];  vocab = 300 }
arch small { layers = 1;  width = 32;  heads = 2;  kv_heads = 1;  ffn = 64;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words }
train grown {
  from    = newborn
  data    = own
  steps   = 20
  context = 32 context -> 64 context at 10 steps
  batch   = 256 tokens
  lr      = 0 ~> 3e-3 by 5 steps ~> 3e-4 by end
  average { every = 5 steps;  start = 60% }
}
train last { from = grown;  data = own;  steps = 10;  batch = 256 tokens;  lr = 3e-4 ~> 0 by end }
bench reads   { suite = perplexity(own, sequences: 8);  context = 64 context }
bench answers { suite = exact_match("asked.jsonl", questions: 10) }
release base { model = last }
"""
GATED = SMALL.replace(
    "  average {", "  require reads <= 1 at 6 steps\n  require answers >= 0% at context\n  average {"
).replace("lr = 3e-4 ~> 0 by end }", "lr = 3e-4 ~> 0 by end\n  require answers == 100% at end\n}")


def write(folder: Path, spec: str) -> Path:
    """A spec, the text that it learns from, and what it is asked."""
    (folder / "own").mkdir(parents=True)
    texts = (f"the number after {n} is {n + 1} .\n" * 9 for n in range(200))
    (folder / "own/text.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (folder / "asked.jsonl").write_text('{"prompt": "the number after 3 is", "answer": "4"}\n')
    (folder / "tiny.lehr").write_text(spec)
    return folder


def test_a_run_is_held_let_through_and_ends_as_if_nothing_had_been(tmp_path: Path):
    folder, free = write(tmp_path / "gated", GATED), write(tmp_path / "free", SMALL)
    first = go(folder, "run", "tiny.lehr")
    assert first.returncode == 6, first.stderr
    assert "error[RUN150]: `grown` does not pass its gate after step 6: measured " in first.stderr
    assert "require reads <= 1 at 6 steps" in first.stderr
    assert '`lehr resume --pass reads -- "why"`' in first.stderr

    status = go(folder, "status")
    assert "◆ grown" in status.stdout
    assert "✗ after step 6  reads <= 1: measured " in status.stdout

    second = go(folder, "resume", "--pass", "reads", "--", "one nat is a dream")
    assert second.returncode == 6, second.stderr
    assert "Resuming grown" in second.stderr
    assert "passed by" in second.stderr
    assert "`last` does not pass its gate at the end: measured " in second.stderr
    assert not (folder / "runs/tiny/full/release/base").exists()

    third = go(folder, "resume", "runs/tiny/full", "--pass", "answers", "--", "it is small")
    assert third.returncode == 0, third.stderr
    ledger = json.loads((folder / "runs/tiny/full/ledger.json").read_text())
    assert [one["why"] for one in ledger["passes"]] == ["one nat is a dream", "it is small"]
    assert [(one["name"], one["after"], one["met"]) for one in ledger["entries"]["grown"]["gates"]] == [
        ("reads", 6, False),
        ("answers", None, True),
    ]
    assert go(free, "run", "tiny.lehr").returncode == 0
    assert weights(folder) == weights(free)


def test_a_pass_needs_a_reason(tmp_path: Path):
    found = go(tmp_path, "resume", "--pass", "reads")
    assert (found.returncode, 'say `lehr resume [RUN] --pass NAME -- "why"`' in found.stderr) == (2, True)
