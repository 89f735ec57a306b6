"""Which fields of a spec change a step's address, and which do not: every field of every kind, by name."""

import re
from pathlib import Path

import pytest
from every_kind import SPEC

from lehr.compiler import compile as compile_spec
from lehr.compiler.graph.blocks import KINDS
from lehr.compiler.plan.model import Plan

# What the field becomes; where a field is of no use beside another, the other is given up for it.
TRAINED = {
    "from": "written",
    "epochs": "1/10",
    "steps": "9 steps",
    "tokens": "2M",
    "context": "256 context",
    "batch": "8Ki",
    "lr": "2e-3",
    "rope": "20_000",
    "optimizer": "house",
    "average": "{ every = 3 steps }",
    "compute": "bf16",
    "merge_back": "{ with = train;  rate = 0.1 }",
    "rng": "9",
}
COUNTED = TRAINED | {"from": "train", "batch": "16 sequences", "epochs": "2", "tokens": "2M"}

RESULT: dict[str, dict[str, str]] = {
    "pipeline": {"rng": "4"},
    "arch": {
        "layers": "3", "width": "128", "heads": "2", "kv_heads": "4", "head_dim": "32", "ffn": "256",
        "vocab": "2048", "rope": "20_000", "rope_scaling": "{ kind = linear;  factor = 2;  original = 128 context }",
        "tied": "false", "activation": "gelu_tanh", "qkv_bias": "true", "qk_norm": "head",
        "norms": "pre_post", "norm_eps": "1e-6", "norm_offset": "true", "embed_scale": "true", "query_scale": "1/4",
        "window": "[64 context, full]", "softcap": "{ final = 30.0 }",
        "experts": "{ count = 2;  active = 1;  ffn = 48 }",
    },
    "tokenizer": {"from": "[corpus, other]", "source": '"ready.json"', "vocab": "2048", "digits": "keep",
                  "specials": '["<|pad|>", "<|begin|>", "<|end|>", "<|turn|>"]', "sample": "1MB",
                  "begin": '"<|pad|>"', "end": '"<|begin|>"'},
    "corpus": {"source": 'builtin("code")', "text": "", "max_bad": "3", "lengths": "1k..2k"},
    "mix": {},
    "prompts": {"source": 'files("more.jsonl")', "examples": "2k"},
    "preferences": {"source": 'files("more.jsonl")', "examples": "4k", "batches": "4"},
    "template": {"source": '"other.jinja"', "stop": '["<|end|>"]'},
    "optimizer": {"kind": "rmsprop", "betas": "[0.8, 0.9]", "eps": "1e-7", "decay": "0.2", "clip": "1.0",
                  "skip": "50.0", "base_width": "32"},
    "bench": {"suite": "perplexity(corpus)", "context": "512 context"},
    "curate": {"of": "other"},
    "classifier": {"yes": "chats", "no": "chats", "kind": "hashed_linear(features: 1024)", "holdout": "20%",
                   "rng": "9"},
    "synthesize": {"by": "load", "seeds": "other", "template": '"other.jinja"', "count": "2k examples",
                   "max_new": "64 tokens", "temperature": "0.5", "keep": "well_formed", "rng": "9"},
    "init": {"arch": "twin", "tokenizer": "small", "std": "0.06", "rng": "9"},
    "load": {"path": '"models/new"', "arch": "narrow", "tokenizer": "small"},
    "train": TRAINED | {"from": "load", "data": "corpus", "z_loss": "1e-4", "packing": "best_fit",
                        "merge_back": "{ with = load;  base = init;  rate = 0.1 }"},
    "distill": TRAINED | {"data": "corpus", "teacher": "train", "target": "top_k(k: 4)", "cache": "true"},
    "prune": TRAINED | {"from": "written", "data": "mix", "to": "slim"},
    "upcycle": {"from": "load", "to": "more", "shuffle": "[]", "redraw": "25%", "rng": "9"},
    "sft": COUNTED | {"from": "cleaned", "data": "corpus", "template": "template", "dropout": "10%", "teacher": "load",
                      "lora": "{ rank = 4 }", "target": "distribution()"},
    "reward": COUNTED | {"data": "preferences.latest(1)", "loss": "soft_label", "margin": "true",
                         "levels": "[90%, 80%]", "grading": "single_sided(0.1)", "template": "template"},
    "sample": {"from": "train", "prompts": "prompts.part(1, of: 2)", "per_prompt": "8", "judge": "shorter",
               "keep": "best(2)", "temperature": "0.5", "top_p": "90%", "max_new": "64 tokens", "stop": '["Q:"]',
               "template": "template", "rng": "9"},
    "label": {"of": "sample", "by": 'people("queue")', "question": '"Which is kinder?"'},
    "dpo": COUNTED | {"reference": "train", "data": "preferences", "loss": "ipo", "beta": "0.2", "length": "mean",
                      "nll": "0.2", "mask": "[headers]",
                      "template": "template"},
    "rl": COUNTED | {"reference": "ema(rate: 0.01)", "judge": "shorter", "prompts": "prompts.part(1, of: 2)",
                     "algorithm": "grpo", "kl": "0.1", "temperature": "0.5", "max_new": "64 tokens",
                     "length_penalty": "0.01", "cut_penalty": "0.5", "template": "template"},
    "merge": {"of": "[rl, dpo]", "method": "linear", "weights": "[25%, 75%]", "base": "train", "per": "whole",
              "rng": "9", "density": "50%", "rate": "0.5"},
    "eval": {"of": "[dpo]", "benches": "[bench, wider]", "rng": "9", "continuations": '{ prompts = ["so"] }'},
    "release": {"model": "dpo", "format": "safetensors", "template": "turns"},
}  # fmt: skip
COSMETIC: dict[str, dict[str, str]] = {
    "pipeline": {"source": '"a paper"', "runs": '"runs/elsewhere"', "store": '"elsewhere"'},
    "tokenizer": {"kind": "bpe"},
    "corpus": {
        "tokens": "60M",
        "examples": "50k",
        "license": '"MIT"',
        "contains": "[bench]",
        "manifest": '"data/counts.json"',
    },
    "cluster": {
        "device": '"A100"',
        "count": "16",
        "memory": "40GiB",
        "interconnect": "200GB / 1s",
        "price": "1USD / 1h",
        "utilisation": "30%",
    },
    "curate": {"workers": "2"},
    **{
        kind: {"checkpoint": "{ every = 3 steps }", "parallel": "{ dp = 2 }"}
        for kind in ("train", "distill", "prune", "sft", "reward", "dpo", "rl")
    },
}
COSMETIC["prune"] |= {"method": "soft_top_k", "axes": "[ffn]"}  # the only words that there are
# Fields that have no use in this spec beside what else is set; their values are tried where they have one.
UNREAD = {
    "merge.weights": ("method = slerp", "method = linear"),
    "merge.density": ("method = slerp", "method = ties"),
    "merge.rate": ("base = sft;  method = slerp", "method = ema"),
    "reward.levels": ("reward reward {", "reward reward { loss = soft_label;"),
    "sft.teacher": ("sft sft {", "sft sft { target = distribution();"),
    "sft.target": ("sft sft {", "sft sft { teacher = load;"),
    "init.tokenizer": ("teacher = load", "teacher = train"),
    "load.tokenizer": ("teacher = load", "teacher = train"),
    "corpus.text": ('corpus corpus { source = builtin("prose")', 'corpus corpus { source = files("texts/*")'),
    "corpus.max_bad": (
        'corpus corpus { source = builtin("prose")',
        'corpus corpus { source = files("texts/*")',
    ),
    "tokenizer.source": ("tokenizer tokenizer { from = [corpus];  vocab", "tokenizer tokenizer { vocab"),
}
MORE = """\
arch slim like arch { ffn = 64 }
arch more like arch { experts { count = 8;  active = 2;  ffn = 48;  shared = 1 } }
tokenizer small { from = [corpus];  vocab = 1024;  digits = keep }
optimizer house { decay = 0.3 }
bench wider { suite = perplexity(corpus);  context = 128 context }
template turns { source = "turns.jinja" }
arch twin like arch { norm_eps = 1e-4 }
label again { of = drafts;  by = oracle(shorter) }
dpo third like dpo { data = sample }
dpo fourth like dpo { data = again }
eval spare { of = [init, load, third, fourth];  benches = [bench] }
"""
LENGTHS = ("tokens", "epochs", "steps")


def plan(folder: Path, text: str) -> Plan:
    path = folder / "every.lehr"
    path.write_text(text)
    found, letters = compile_spec(str(path))
    assert found, [f"{one.code} {one.headline}" for one in letters if one.severity == "error"]
    return found


def changed(kind: str, field: str, value: str, text: str) -> str:
    """The spec with a field set in the block that is named after its kind."""
    head = re.search(rf"^{kind} {kind} {{" if kind != "pipeline" else r"^pipeline every {", text, re.M)
    assert head, kind
    end = text.index("\n}\n", head.end()) if text[head.end()] == "\n" else text.index("\n", head.end()) - 1
    body = text[head.end() : end]
    gone = (
        LENGTHS
        if field in LENGTHS and kind in ("train", "distill", "prune", "sft", "reward", "dpo", "rl")
        else (field,)
    )
    for name in gone:
        body = re.sub(rf"(?<![\w.]){name} \{{[^}}]*\}}(;  )?", "", body, count=1)
        body = re.sub(rf"(?<![\w.]){name} (= |{{)[^\n;]*(;  |(?=\n)|(?=\s*$))", "", body, count=1)
    written = f"{field} {value}" if value.startswith("{") else f"{field} = {value}"
    return text[: head.end()] + f" {written};  " + body.lstrip(" ") + text[end:]


def prints(found: Plan) -> dict[str, str]:
    return {step.address: step.fingerprint for step in found.steps}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole")
    return prints(plan(folder, SPEC + MORE))


def test_every_field_is_known_to_change_results_or_not():
    known = {kind: {**RESULT.get(kind, {}), **COSMETIC.get(kind, {})} for kind in KINDS}
    assert {kind: sorted(known[kind]) for kind in KINDS} == {
        kind: sorted(KINDS[kind].fields()) for kind in KINDS
    }


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, edits in RESULT.items() for field in edits]
)
def test_a_field_that_changes_results_changes_an_address(
    kind: str, field: str, whole: dict[str, str], tmp_path: Path
):
    before, text, value = whole, SPEC + MORE, RESULT[kind][field] or '"body"'
    if f"{kind}.{field}" in UNREAD:
        text = text.replace(*UNREAD[f"{kind}.{field}"])
        assert text != SPEC + MORE
    if f"{kind}.{field}" in UNREAD and f"{kind}.{field}" not in (
        "sft.teacher",
        "sft.target",
        "tokenizer.source",
        "merge.rate",
    ):
        before = prints(plan(tmp_path, text))
    after = prints(plan(tmp_path, changed(kind, field, value, text)))
    assert after != before


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, edits in COSMETIC.items() for field in edits]
)
def test_a_field_that_changes_no_result_changes_no_address(
    kind: str, field: str, whole: dict[str, str], tmp_path: Path
):
    assert prints(plan(tmp_path, changed(kind, field, COSMETIC[kind][field], SPEC + MORE))) == whole


def test_names_comments_order_and_layout_change_no_address(whole: dict[str, str], tmp_path: Path):
    text = (
        (SPEC + MORE)
        .replace("mix mix {", "## The diet.\nmix   mix {\n")
        .replace("pipeline every", "pipeline renamed")
    )
    assert prints(plan(tmp_path, text)) == whole
    renamed = (
        (SPEC + MORE).replace("merge merge {", "merge blend {").replace("model = merge;", "model = blend;")
    )
    renamed = renamed.replace("of = [dpo, merge]", "of = [dpo, blend]")
    found = prints(plan(tmp_path, renamed))
    assert found["blend"] == whole["merge"]
    assert sorted(found.values()) == sorted(whole.values())


def test_every_step_kind_is_in_the_spec(tmp_path: Path):
    kinds = {step.work.kind for step in plan(tmp_path, SPEC).steps}
    every = {work.model_fields["kind"].default for union in _works() for work in union.__args__}
    assert every - kinds == {"pick"}


def _works():
    from lehr.compiler.plan.model.plan import Data, Models

    return Data, Models
