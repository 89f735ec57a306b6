"""`lehr explain STAGE --tokens`: what the loss of an `sft` is on, token by token."""

import json
from pathlib import Path

import pytest
from pipelines import go

from lehr.runtime.parts.chat.template import shipped

SPEC = """\
lehr 1
pipeline tiny { rng = 7 }
corpus chats { source = files("chats.jsonl") }
tokenizer words {
  from = [chats];  vocab = 300
  specials = ["<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|turn|>"]
}
template turns { source = "turns.jinja" }
arch small { layers = 1;  width = 16;  heads = 2;  kv_heads = 1;  ffn = 32;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words }
sft tuned {
  from = newborn;  data = chats;  template = turns;  steps = 2;  batch = 4 sequences;  context = 24 context;  lr = 1e-3
}
release taught { model = tuned }
"""
FITS = """\
tuned   chats.jsonl:1   17 of 24 tokens, 5 learnt
  template   <|begin|>|<|user|>
  prompt     ·|q|·w
  template   <|turn|>|<|assistant|>
  answer     ·|q|<|turn|>
  template   <|user|>
  prompt     ·e|·w
  template   <|turn|>|<|assistant|>
  answer     ·w|<|turn|>
"""
TOO_LONG = """\
tuned   chats.jsonl:3   28 of 24 tokens, 3 beyond the context: the row is left out, none is learnt
  template   <|begin|>|<|user|>
  prompt     ·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w|·w
  template   <|turn|>|<|assistant|>
  answer     ·w
  truncated  \\n|·e|<|turn|>
"""


def said(*turns: str) -> str:
    roles = ("user", "assistant") * 2
    return json.dumps({"messages": [{"role": a, "content": b} for a, b in zip(roles, turns, strict=False)]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "spec.lehr").write_text(SPEC)
    (folder / "turns.jinja").write_text(shipped("turns"))
    long = [said(" ".join(letter * 20), "w\n e") for letter in "qw"]  # one of them is held out
    rows = [said("q w", "q", "e w", "w"), *long, *[said("q w", "e")] * 2]
    (folder / "chats.jsonl").write_text("\n".join(rows))
    asked = go(folder, "explain", "tuned", "--tokens", "--spec", "spec.lehr")
    assert asked.returncode == 2
    assert "`lehr run` makes it" in asked.stderr
    ran = go(folder, "run", "spec.lehr")
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.parametrize(("row", "golden"), [(0, FITS), (1, TOO_LONG)])
def test_every_token_says_what_it_is(folder: Path, row: int, golden: str):
    ran = go(folder, "explain", "tuned", "--tokens", "--row", str(row), "--spec", "spec.lehr")
    assert ran.stdout == golden


def test_json_says_the_same(folder: Path):
    ran = go(folder, "explain", "tuned", "--tokens", "--spec", "spec.lehr", "--format", "json")
    told = json.loads(ran.stdout)
    assert (told["row"], told["context"]) == ("chats.jsonl:1", 24)
    assert [one["text"] for one in told["tokens"] if one["kind"] == "answer"] == [
        " ",
        "q",
        "<|turn|>",
        " w",
        "<|turn|>",
    ]
