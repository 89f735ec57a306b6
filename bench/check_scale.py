"""How the time to check a spec grows with its stages: written out one by one, and unrolled from a loop.

    python bench/check_scale.py

Times `travel`, the whole of `lehr check` but the start of Python, on specs of
100, 1 000 and 10 000 stages; beside it tomllib, the standard library's TOML
reader, on the same fields.  Prints the growth per stage, and the limits: 1 000
stages written out in under 3 s, 1 000 unrolled in under 1 s, and the rules of the
linter in at most twice the time of all that comes before them.
"""

import re
import time
import tomllib
from collections.abc import Callable

from lehr.compiler.diagnostics.diagnostic import Severity
from lehr.compiler.journey import PASSES, Journey, room_to_recurse, travel
from lehr.compiler.text import Source

HEAD = """\
lehr 1
pipeline big {}
corpus web  { source = builtin("prose");  tokens = 1T }
corpus code { source = builtin("code");  tokens = 1T }
tokenizer words { from = [web, code];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = words.vocab }
init s0 { arch = small;  tokenizer = words }
mix diet { web = 60% ~> 40% by end;  code = rest }
"""
STAGE = """\
train s{number} {{
  from    = s{before}
  data    = diet
  tokens  = 100M
  context = 2k
  batch   = 64Ki -> 128Ki at 50M
  lr      = 0 ~> 1e-3 by 1% ~> 1e-4 by end via cosine
}}
"""
SHORT = "train s{number} like s1 {{ from = s{before} }}\n"
LIMITS = {"written out": 3.0, "unrolled": 1.0}
LINTING = 2.0
SIZES = (100, 1_000, 10_000)
ROUNDS = 3


def written(count: int) -> str:
    return HEAD + "".join(STAGE.format(number=number, before=number - 1) for number in range(1, count + 1))


def like(count: int) -> str:
    later = (SHORT.format(number=number, before=number - 1) for number in range(2, count + 1))
    return HEAD + STAGE.format(number=1, before=0) + "".join(later)


def unrolled(count: int) -> str:
    stage = (
        STAGE.format(number="tage", before="model").replace("ssmodel", "model").replace("= smodel", "= model")
    )
    return HEAD + f"repeat round for i in 1..{count} carry model = s0 {{\n{stage}next model = stage\n}}\n"


def toml(text: str) -> str:
    """The stages as TOML: values as texts."""
    rows = []
    for line in text.splitlines():
        if header := re.match(r"train (\w+) \{", line):
            rows.append(f"[{header[1]}]")
        elif field := re.match(r"  (\w+) += (.*)", line):
            rows.append(f'{field[1]} = "{field[2]}"')
    return "\n".join(rows)


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def check(text: str) -> None:
    journey = travel("big.lehr", source=Source("big.lehr", text))
    wrong = [found for found in journey.letters if found.severity is not Severity.NOTE]
    assert not wrong, wrong[0].headline


def linting(text: str) -> float:
    """The time of the rules over that of everything before them."""
    taken: dict[str, float] = {}
    journey = Journey("big.lehr", source=Source("big.lehr", text))
    with room_to_recurse():
        for step in PASSES:
            taken[step.__name__] = seconds(lambda step=step: step(journey))
    rules = taken.pop("views_to_findings") + taken.pop("findings_to_letters")
    return rules / sum(taken.values())


def main() -> None:
    check(written(1))
    for name, make in {"written out": written, "like the first": like, "unrolled": unrolled}.items():
        for count in SIZES:
            text = make(count)
            taken = min(seconds(lambda text=text: check(text)) for _ in range(ROUNDS))
            told = f"{name:15} {count:6} stages  {taken:7.3f} s  {taken / count * 1000:6.3f} ms a stage"
            if name == "written out":
                peer = min(seconds(lambda text=text: tomllib.loads(toml(text))) for _ in range(ROUNDS))
                told += f"  {taken / peer:5.1f}x tomllib"
            if count == 1_000 and name in LIMITS:
                told += f"  {taken / LIMITS[name]:.2f} of its limit of {LIMITS[name]:.0f} s"
            if count == 1_000:
                rules = min(linting(text) for _ in range(ROUNDS))
                told += f"  rules take {rules:.2f}x the passes before them (limit {LINTING:.0f}x)"
            print(told, flush=True)


if __name__ == "__main__":
    main()
