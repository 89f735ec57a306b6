"""Specs bent out of shape, and what `check` makes of them: letters, always, and soon.

    python tests/fuzz.py --count 100000 --seed 1 --jobs 2

Half of the edits put one number or name in the place of another, so that most
of a spec still parses and names, quantities, timelines, loops and profiles are
tried and not the parser alone.  Prints how many parsed, the slowest, and every
fault: an exception, more than a second, or silence about a text that does not parse.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from lehr.compiler.front import parse
from lehr.compiler.graph.blocks import KINDS
from lehr.compiler.journey import travel
from lehr.compiler.text import Source
from lehr.compiler.tools.explain import pages
from lehr.compiler.tools.format import formatted

ROOT = Path(__file__).parent.parent
SLOW, HANGING = 1.0, 10.0
SMALL = """\
lehr 1
pipeline recipe { rng = 3 }
param rounds: count = 2
let rate = 0 ~> 1e-3 by 1% ~> 1e-4 by end via cosine
corpus web  { source = builtin("prose");  tokens = 2B;  examples = 10k }
corpus code { source = builtin("code");  tokens = 1B }
tokenizer words { from = [web, code];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
mix diet { web = 60% ~> 40% by end;  code = rest }
train grown {
  from = newborn;  data = web -> diet at 50%;  tokens = 1B;  context = 1k -> 2k at 30%
  batch = 64Ki -> 128Ki at 500M;  lr = rate
  require reads <= 5 within 1% at context
}
bench reads { suite = perplexity(web);  context = 1k }
"""
LOOPED = """\
preferences human { examples = 4k;  batches = rounds }
prompts asks { examples = 2k }
repeat post for turn in 1..rounds carry policy = grown, crew = [grown] {
  reward judge { from = grown;  data = human.until(turn);  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
  sample drafts {
    from = crew;  prompts = asks.part(turn, of: rounds);  per_prompt = 2..4;  judge = judge;  keep = best(1)
  }
  each arm for tag in ["easy", "code"] {
    sft tuned { from = policy;  data = drafts.filtered(tag);  steps = 12 * turn;  batch = 32 sequences;  lr = 1e-5 }
  }
  merge blend { of = arm[*].tuned;  weights = uniform }
  next policy = blend
  next crew = top(2, crew + [blend], by: judge)
}
expect grown.tokens == 50% of web.tokens within 1%
expect grown.lr.end <= grown.lr.at(10%)
release best { model = post.policy }
release first { model = post[1].arm[2].tuned }
profile small {
  scale tokens by 1e-5 floor 4 steps
  scale context by 1/64
  scale batch by 1/1Ki
  set rounds = 1
  set corpus[*].tokens = 1B
  arch small { layers = 1 }
}
"""
NUMBERS = (
    "0", "1", "-1", "2", "3.5", "100", "1e-9", "1e9", "1e99", "5%", "100%", "250%", "8k", "128k", "4M",
    "4Mi", "15.6T", "1Bn", "8k context", "3 tokens", "1 step", "9k steps", "2 epochs", "32 sequences",
    "405B params", "3e25 flops", "80GiB", "36h", "2.50USD", "1/256", "1..6", "6..1", "end", "1..99999999",
)  # fmt: skip
WORDS = (
    "web", "diet", "grown", "newborn", "small", "words", "judge", "policy", "post", "arm", "tuned",
    "rounds", "turn", "rate", "reads", "human", "profile", "pipeline", "scores", "start", "end", "at",
    "steps", "tokens", "params", "drawn", "rest", "uniform", "full", "true", "none", "like", "of", "by",
    "from", "data", "lr", "batch", "context",
)  # fmt: skip
PIECES = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "[*]",
    "->",
    "~>",
    "=",
    "==",
    ";",
    "\n",
    '"',
    "${",
    "#",
    ".",
    "..",
    ":",
    ",",
    "\t",
    "é",
]
_TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_]\w*|[0-9][\w.%]*|->|~>|\.\.|==|<=|>=|\s+|#[^\n]*|.')


@dataclass
class Tally:
    """What came of some inputs."""

    tried: int = 0
    parsed: int = 0
    slowest: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.tried += other.tried
        self.parsed += other.parsed
        self.slowest = max(self.slowest, other.slowest)
        self.codes += other.codes
        self.faults += other.faults


def seeds() -> list[tuple[str, int]]:
    """What is bent, and how often each is taken: small specs mostly, the recipes now and then."""
    examples = re.findall(
        r"```lehr(?: instead)?\n(.*?)```", "".join(page for _, page in pages().values()), re.S
    )
    found = [(SMALL + LOOPED, 60)] + [(SMALL + text, 1) for text in examples if not text.startswith("lehr")]
    return found + [
        (path.read_text(), 1)
        for path in [*(ROOT / "specs").glob("*.lehr"), ROOT / "tests/graph/specs/pieces.lehr"]
    ]


def bent(text: str, draw: random.Random) -> str:
    """A text after one to four edits."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        text = _edit(text, draw)
    return text


def _edit(text: str, draw: random.Random) -> str:
    tokens = _TOKEN.findall(text)
    wanted, pool = draw.choice(
        (("0", NUMBERS), ("a", WORDS), ("k", list(KINDS)), ("", PIECES), ("line", []), ("cut", []))
    )
    if wanted == "line":
        return _lines(text, draw)
    places = [at for at, token in enumerate(tokens) if _is(token, wanted)]
    if not places:
        return text
    at = draw.choice(places)
    mine = (
        [token for token in tokens if token[:1].isalpha()] if wanted == "a" and draw.random() < 0.5 else pool
    )
    tokens[at] = "" if wanted == "cut" else draw.choice(mine)
    return "".join(tokens)


def _is(token: str, wanted: str) -> bool:
    if wanted == "0":
        return token[:1].isdigit()
    if wanted in ("a", "k"):
        return token[:1].isalpha()
    return True


def _lines(text: str, draw: random.Random) -> str:
    """A line twice, elsewhere, or nowhere."""
    lines = text.split("\n")
    line = lines[draw.randrange(len(lines))]
    how = draw.choice(("twice", "moved", "gone"))
    if how != "twice":
        lines.remove(line)
    if how != "gone":
        lines.insert(draw.randint(0, len(lines)), line)
    return "\n".join(lines)


class Hangs(Exception):
    """Raised by the alarm."""


def _ring(number: int, frame: object) -> None:
    raise Hangs


def fuzz(count: int, seed: int) -> Tally:
    """Bend, check and format `count` specs."""
    signal.signal(signal.SIGALRM, _ring)
    tally, draw = Tally(), random.Random(seed)
    texts, weights = zip(*seeds(), strict=True)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "specs" / "lib", Path(folder) / "lib")
        for _ in range(count):
            _try(bent(draw.choices(texts, weights)[0], draw), str(Path(folder) / "bent.lehr"), tally)
    return tally


def _try(text: str, path: str, tally: Tally) -> None:
    source = Source(path, text)
    tally.tried += 1
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, HANGING)
    try:
        _, broken = parse(source)
        journey = travel(path, source=source)
        tidy, _ = formatted(source)
    except Exception:
        tally.faults.append(f"{traceback.format_exc()}\n{text}")
        return
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    taken = time.monotonic() - began
    tally.slowest = max(tally.slowest, taken)
    tally.parsed += not broken
    tally.codes.update({letter.code for letter in journey.letters})
    if taken > SLOW:
        tally.faults.append(f"took {taken:.1f} s\n{text}")
    if broken and (tidy is not None or not journey.letters):
        tally.faults.append(f"silent about a text that does not parse\n{text}")
    if tidy is not None and formatted(Source(path, tidy))[0] != tidy:
        tally.faults.append(f"not tidy after once\n{text}")


def _job(given: tuple[int, int]) -> Tally:
    return fuzz(*given)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=1)
    given = options.parse_args()
    parts = max(given.jobs, given.count // 2_500)
    work = [(given.count // parts, given.seed * 1_000_003 + part) for part in range(parts)]
    tally = Tally()
    with get_context("spawn").Pool(given.jobs) as pool:
        for one in pool.imap_unordered(_job, work):
            tally.add(one)
            told = "".join(f"\n---\n{fault}" for fault in one.faults)
            print(f"{tally.tried} tried, {len(tally.faults)} faults{told}", file=sys.stderr, flush=True)
    share = tally.parsed / max(1, tally.tried)
    print(f"{tally.tried} inputs, seed {given.seed}: {share:.0%} parse, slowest {tally.slowest:.2f} s, "
          f"{len(tally.codes)} different codes, {len(tally.faults)} faults")  # fmt: skip
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(main())
