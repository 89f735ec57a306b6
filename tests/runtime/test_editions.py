"""Every stage's results on a pipeline of seconds, kept beside the edition of its code.

A stage that comes to other results has to be raised to a new edition, so that old and
new artifacts never share an address.  Texts are compared to the byte; numbers to one
part in ten thousand, because machines round differently.
"""

import json
import os
import random
from fractions import Fraction
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from curation import ORIGIN, corpus, made
from families import FAMILIES
from pipelines import SPEC
from rooms import desk
from safetensors.torch import load_file

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.files import file
from lehr.compiler.plan.model import ClassifierWork, HashedLinear, LoadWork, Origin, Plan, Step
from lehr.runtime.engine.walk import run
from lehr.runtime.parts.data.tables import read_records
from lehr.runtime.parts.huggingface.written import config
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.model.weights import write
from lehr.runtime.stages import classifier, load
from lehr.runtime.stages.editions import EDITIONS
from lehr.runtime.store.artifact import Store

GOLDEN = Path(__file__).parent / "golden" / "editions.json"
MERGES = """\
merge evenly { of = [grown, last] }
merge slowly { of = [newborn, grown, last];  method = ema;  rate = 0.2 }
merge turned { of = [grown, last];  method = slerp;  base = newborn }
merge agreed { of = [grown, last];  method = ties;  base = newborn;  density = 30% }
merge chance { of = [grown, last];  method = dare;  base = newborn;  density = 30% }
eval blends { of = [evenly, slowly, turned, agreed, chance];  benches = [reads] }
"""
CURATED = """\
curate tidy { of = gold;  limit { examples = 60 } }
bench kept { suite = perplexity(tidy, sequences: 4);  context = 32 context }
eval tidied { of = [last];  benches = [kept] }
"""
TAUGHT = """
init pupil { arch = small;  tokenizer = words;  std = 0.06;  rng = 2 }
distill echo   { from = pupil;  teacher = last;  target = distribution();  data = gold
  context = 32 context;  steps = 3;  batch = 256 tokens;  lr = 3e-3 }
distill filled like echo { target = top_k(k: 4);  cache = true }
distill guided like echo { target = convex(label: 0.1, teacher_top1: 0.9) }
prompts asks { source = builtin("skills");  examples = 8 }
distill spoken like echo { data = on_policy(asks, divergence: jensen_shannon, max_new: 4 tokens) }
eval echoes { of = [echo, filled, guided, spoken];  benches = [reads] }
"""
LIKED = """
preferences people { source = builtin("preferences");  examples = 24 }
reward judge { from = last;  data = people;  context = 32 context;  epochs = 1;  batch = 8 sequences;  lr = 3e-3 }
reward strict like judge { loss = soft_label;  grading = single_sided(0.1) }
dpo liked {
  from = last;  reference = grown;  data = people;  context = 32 context;  epochs = 1;  batch = 8 sequences;  lr = 3e-3
  nll = 0.2;  mask = [headers, terminators]
}
dpo drawn like liked { loss = ipo;  length = mean }
bench prefers { suite = preference(people);  context = 32 context }
eval tastes { of = [liked, drawn];  benches = [prefers] }
rl tried {
  from = last;  reference = grown;  judge = exact_answer;  prompts = asks;  algorithm = mdloo(rollouts: 2, inner: 2)
  context = 32 context;  steps = 3;  batch = 8 sequences;  max_new = 6 tokens;  lr = 3e-3;  kl = 0.1
}
rl trusted like tried { judge = judge;  algorithm = grpo(rollouts: 4);  reference = ema(rate: 0.1) }
release bold { model = tried }
release held { model = trusted }
release referee { model = judge }
release second { model = strict }
"""
SPOKEN = """
corpus chats { source = builtin("instructions", wrong: 30%);  examples = 48 }
sft spoke { from = last;  data = chats;  epochs = 1;  batch = 16 sequences;  context = 64 context;  lr = 1e-3
  dropout = 10% }
sft slight like spoke { from = spoke;  data = asks_alike;  lora { rank = 2 }
  teacher = last;  target = distribution() }
mix asks_alike { chats = 100% }
bench heard { suite = exact_match(chats, questions: 10) }
eval talks { of = [spoke, slight];  benches = [heard] }
prompts some { source = builtin("skills");  examples = 9 }
distill half like echo { data = on_policy(some.part(2, of: 3), max_new: 4 tokens) }
eval halves { of = [half];  benches = [reads] }
release spoken_for { model = slight }
"""
ANSWERED = """
# lehr: allow LIN103 -- its result is looked at here
sample tries { from = [grown, last];  prompts = asks;  per_prompt = 2..3;  judge = shorter;  keep = extremes
  max_new = 24 tokens }
sample every { from = top(1, [grown, last], by: shorter);  prompts = asks;  per_prompt = 2;  max_new = 8 tokens }
# lehr: allow LIN103 -- its result is looked at here
label told { of = every;  by = oracle(shorter) }
# lehr: allow LIN103 -- its result is looked at here
synthesize more { by = last;  seeds = chats;  template = "tests/runtime/golden/ask.jinja";  count = 40
  max_new = 24 tokens }
"""
SMALL = (
    SPEC.replace("steps   = 60", "steps   = 12").replace("steps = 10", "steps = 3")
    + """\
arch slim like small { ffn = 24 }
prune pruned { from = last;  to = slim;  data = gold;  steps = 5;  batch = 256 tokens;  lr = 3e-3 }
release narrower { model = pruned }
arch mixture like small { experts { count = 3;  active = 2;  ffn = 24;  shared = 1 } }
upcycle sparse { from = last;  to = mixture }
release mixed { model = sparse }
train back {
  from = last;  data = gold;  steps = 5;  batch = 256 tokens;  lr = 1e-3
  merge_back { with = last;  rate = 0.01;  method = ties;  reserve = 50%;  every = 2 }
}
release merged_back { model = back }
"""
    + MERGES
    + TAUGHT
    + LIKED
    + CURATED
    + SPOKEN
    + ANSWERED
)


def results(plan: Plan, root: Path) -> dict[str, dict[str, Any]]:
    """What each kind of step came to: texts as digests, tensors as the mean of their sizes."""
    found: dict[str, dict[str, Any]] = {}
    store = Store(root / plan.store)
    for step in plan.steps:
        facts, folder = store.facts(step.fingerprint), store.path(step.fingerprint)
        match step.work.kind:
            case "part":
                told = facts["rows"]
            case "corpus" | "curate" | "prompts" | "preferences":
                told: Any = facts["sha256"]
            case "sample" | "label" | "synthesize":
                told = digest(
                    [row for path in sorted(folder.glob("*.parquet")) for row in read_records(path)]
                )
            case "tokenizer":
                learnt = json.loads((folder / "tokenizer.json").read_text())["model"]
                told = digest([learnt["vocab"], learnt["merges"]])
            case "tokenize":
                told = digest(
                    [
                        path.name + sha256(path.read_bytes()).hexdigest()
                        for path in sorted(folder.glob("*.safetensors"))
                    ]
                )
            case "eval":
                told = facts["scores"]
            case "targets":
                told = means(*sorted(folder.glob("targets-*.safetensors")))
            case "release":
                told = [sorted(facts["files"]), *sizes(folder)]
            case _:
                told = [facts.get("loss"), facts.get("drawn"), *sizes(folder)]
        found.setdefault(step.work.kind, {})[step.address] = told
    return found


def digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def sizes(folder: Path) -> list[float]:
    return means(folder / "model.safetensors")


def means(*paths: Path) -> list[float]:
    every = [load_file(path) for path in paths]
    return [float(tensors[name].double().abs().mean()) for tensors in every for name in sorted(tensors)]


def give(folder: Path) -> None:
    """A Hugging Face folder without a tokenizer, whose model was just drawn."""
    arch = FAMILIES["qwen2_moe"].model_copy(update={"vocab": 384})
    model = Decoder.empty(arch)
    initialise(model, 0.1, 3)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config(arch, 128, None, None)))
    write(model, folder)


def loaded(root: Path) -> list[float]:
    """What the `load` stage makes of such a folder."""
    give(root / "given")
    work = LoadWork(folder=file("given", root), arch=None)
    origin = Origin(path="tiny.lehr", line=1, column=1)
    step = Step(address="given", fingerprint="0" * 64, inputs={}, work=work, origin=origin)
    (root / "loaded").mkdir()
    load.run(step, {"tokenizer": root}, SimpleNamespace(root=root, folder=root / "loaded"))
    return sizes(root / "loaded")


def sifted(root: Path) -> list[Any]:
    """What the filters make of texts that repeat each other and some questions."""
    draw = random.Random(1)
    texts = [" ".join(f"w{draw.randrange(60)}" for _ in range(draw.randrange(20, 40))) for _ in range(90)]
    texts += [texts[at] if at % 2 else f"{texts[at]} more" for at in range(0, 60, 3)]
    (root / "asks.jsonl").write_text(
        "".join(json.dumps({"prompt": text[:90]}) + "\n" for text in texts[:30:7])
    )
    made_of = corpus(root / "texts", [f"line {at % 4}\n{text}" for at, text in enumerate(texts)])
    asked = {"against": ["asks"], "grams": 13, "common": None, "lcs": None}
    room = desk(root / "sifted", root=root, workers=1)
    facts = made(
        room,
        made_of,
        ("dedup", {"by": {"kind": "exact"}}),
        ("dedup", {"by": {"kind": "minhash", "shingle": 3, "bands": 20, "rows": 4}}),
        ("dedup", {"by": {"kind": "lines", "more_than": 9, "per": 50}}),
        ("decontaminate", asked | {"lcs": "3/5"}),
        ("decontaminate", asked | {"grams": [3, 6], "common": 2}),
        benches={"asks": file("asks.jsonl", root)},
    )
    return [facts["sha256"], [[step["kept"], step["dropped"], step["parts"]] for step in facts["funnel"]]]


def learnt(root: Path) -> list[float]:
    """What the `classifier` stage learns, where the library is there that fits it."""
    if find_spec("sklearn") is None:
        return []
    for name in ("yes", "no"):
        corpus(root / name, [f"{name} {name}{at % 7} both both{at % 5}" for at in range(60)], heldout=0)
    work = ClassifierWork(model=HashedLinear(features=512), holdout=Fraction(1, 4), rng=3)
    inputs = {name: name for name in ("yes", "no")}
    step = Step(address="judge", fingerprint="0" * 64, inputs=inputs, work=work, origin=ORIGIN)
    facts = classifier.run(step, {name: root / name for name in inputs}, desk(root / "judge"))
    return [facts["auc"], *means(root / "judge" / "weights.safetensors")]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("editions")
    (folder / "tiny.lehr").write_text(SMALL)
    plan, _ = compile_spec(str(folder / "tiny.lehr"), editions=EDITIONS)
    assert plan
    run(plan, root=folder)
    found = results(plan, folder) | {
        "load": {"given": loaded(folder)},
        "classifier": {"judge": learnt(folder)},
    }
    found["curate"]["sifted"] = sifted(folder)
    if os.environ.get("LEHR_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        kept = {kind: {"edition": EDITIONS[kind], "results": told} for kind, told in found.items()}
        GOLDEN.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    return found


@pytest.mark.parametrize("kind", EDITIONS)
def test_a_stage_comes_to_the_results_of_its_edition(kind: str, ran: dict[str, dict[str, Any]]):
    if kind == "classifier":
        pytest.importorskip("sklearn", reason="the extra `classify` is not installed")
    kept = json.loads(GOLDEN.read_text())[kind]
    assert kept["edition"] == EDITIONS[kind], "write the results of the new edition: LEHR_GOLDEN=write"
    assert same(ran[kind], kept["results"]), (
        f"`{kind}` comes to other results: raise its edition in runtime/stages/editions.py, then LEHR_GOLDEN=write"
    )


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == pytest.approx(other, rel=1e-4, abs=1e-7)
    return one == other


def test_another_result_is_noticed(ran: dict[str, dict[str, Any]]):
    last = ran["train"]["last"]
    assert not same([last[0] * 1.001, *last[1:]], last)
