"""What is wrong in a spec is said once, at the smallest place, with what to do."""

import pytest

from lehr.compiler.diagnostics.diagnostic import Severity


def said(journey) -> list[tuple[str, str]]:
    """Codes with the text that each marks."""
    return [(letter.code, letter.span.text) for letter in journey.letters if letter.span]


GOOD = "  data = diet\n  tokens = 1M\n  context = 1k\n  batch = 4Ki\n  lr = 1e-3"


def test_a_good_spec_is_silent(stage):
    assert said(stage(GOOD)) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (GOOD.replace("diet", "deit"), ("NAM101", "deit")),
        (GOOD.replace("lr =", "lrr ="), ("NAM102", "lrr")),
        (GOOD.replace("diet", "newborn"), ("NAM107", "newborn")),
        (GOOD + "\n  tokens = 2M", ("NAM104", "tokens")),
        (GOOD.replace("1k", "1024"), ("UNI101", "1024")),
        (GOOD.replace("1M", "1Mn"), ("UNI102", "1Mn")),
        (GOOD.replace("1M", "3 steps"), ("UNI103", "3 steps")),
        (GOOD.replace("1M", "0 - 1M"), ("UNI104", "0 - 1M")),
        (GOOD.replace("1M", "0.5 tokens"), ("UNI105", "0.5 tokens")),
        (GOOD.replace("1M", "1M / 0"), ("UNI106", "1M / 0")),
        (GOOD + "\n  checkpoint { every = 10 steps;  keep = 0 }", ("UNI107", "0")),
        (GOOD + "\n  checkpoint { every = 10 steps;  kepe = 1 }", ("NAM102", "kepe")),
        (GOOD + "\n  checkpoint = 10", ("NAM107", "10")),
        (GOOD + "\n  lr { clip = 1.0 }", ("NAM104", "lr")),
        (GOOD + "\n  rng { clip = 1.0 }", ("NAM107", "rng")),
        (GOOD + "\n  let x = 1", ("NAM110", "let x = 1")),
        (GOOD + "\n  require grown.lr == 0 at end", ("CLM103", "grown.lr == 0")),
        (GOOD + "\n  average { every = 5 steps;  weights = even }", ("NAM107", "even")),
    ],
)
def test_one_fault_is_one_letter(stage, fields: str, expected: tuple[str, str]):
    journey = stage(fields)
    assert expected in said(journey)
    assert len([letter for letter in journey.letters if letter.severity is Severity.ERROR]) <= 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trian other {}", ("NAM103", "trian")),
        ("dpo liked { from = newborn }", ("NAM109", "dpo liked")),
        ("merge blend { of = [newborn];  method = ema }", ("NAM109", "ema")),
        ("merge blend { of = [newborn];  method = slerp }", ("NAM109", "slerp")),
        ("merge blend { of = [newborn];  method = ties }", ("NAM109", "ties")),
        ("merge blend { of = [newborn];  method = dare;  base = zero }", ("NAM109", "zero")),
        ("merge blend { of = [newborn, newborn];  weights = [60%, 60%] }", ("SHP107", "[60%, 60%]")),
        ('import "lib/none.lehr" as house', ("NAM106", '"lib/none.lehr"')),
        ('import "../up.lehr" as house', ("NAM111", '"../up.lehr"')),
        ('corpus web { source = builtin("prose") }', ("NAM104", "web")),
        ("optimizer more { decay = -1 }", ("UNI104", "-1")),
        ('corpus { source = builtin("prose") }', ("NAM109", "corpus")),
        ('corpus more { source = bultin("prose") }', ("NAM101", "bultin")),
        ('corpus more { source = builtin("prosa") }', ("NAM107", '"prosa"')),
        ("tokens = 1M", ("NAM110", "tokens")),
        ("let a = b\nlet b = a", ("LIN101", "a")),
        ("mix broken { web = 60%;  code = 43% }", ("DAT102", "43%")),
        ("mix broken { web = 60% ~> 70% by end;  code = 40% }", ("DAT102", "40%")),
        ("mix broken { web = 160%;  code = 0 - 60% }", ("UNI104", "0 - 60%")),
        ("mix broken { web = 60% -> 40% at 120%;  code = rest }", ("SCH103", "120%")),
        ("mix broken { web = 60% -> 70% at 50% -> 40% at 20%;  code = rest }", ("SCH102", "20%")),
        ("mix broken { web = 60% ~> 40% by end via cosine;  code = rest }", ("DAT107", "40%")),
        ("mix broken { web = 60%;  small = rest }", ("NAM107", "small")),
        ("mix ring { web = 50%;  ring = rest }", ("LIN101", "mix ring")),
        ("arch odd { layers = 2;  width = 100;  heads = 3;  ffn = 9;  vocab = 1024 }", ("SHP101", "3")),
        (
            "arch odd { layers = 2;  width = 64;  heads = 4;  kv_heads = 3;  ffn = 9;  vocab = 9 }",
            ("SHP101", "3"),
        ),
        ("arch odd { layers = 2;  width = 12;  heads = 4;  ffn = 9;  vocab = 1024 }", ("SHP108", "4")),
        ("tokenizer few { from = [web];  vocab = 200 }", ("SHP109", "200")),
        ('tokenizer few { from = [web];  vocab = 999;  specials = ["<|end|>"] }', ("SHP110", '["<|end|>"]')),
        ("expect small.params == 1M params", ("CLM101", "small.params")),
        ("expect small.params == 1M tokens", ("CLM102", "small.params == 1M tokens")),
        ("pipeline second {}", ("LIN107", "pipeline")),
        ("param many: count", ("NAM109", "param many: count")),
        ("param many: cuont = 3", ("NAM101", "cuont")),
    ],
)
def test_a_fault_beside_a_good_stage_is_its_only_letter(stage, text: str, expected: tuple[str, str]):
    assert said(stage(GOOD, more=text + "\n")) == [expected]


def test_a_close_name_is_a_safe_fix(stage):
    letter = stage(GOOD.replace("diet", "deit")).letters[0]
    assert letter.fix is not None
    assert (letter.fix.safety, letter.fix.edits[0].text) == ("safe", "diet")


def test_ten_faults_give_ten_letters(stage):
    journey = stage(
        "  data = deit\n  tokns = 1M\n  context = 1024\n  batch = 4K\n  lr = 1e-3 tokens\n  rng = half",
        more='corpus a { source = builtin("pros") }\nprompts b { examples = 0 }\ntrian c {}\nmix d { web = 99% }\n',
    )
    assert len(journey.letters) == 10


def test_a_mix_that_stops_adding_up_part_way_shows_the_sum(stage):
    letter = stage(GOOD, more="mix m { web = 60% ~> 63% by 40%;  code = 40% }\n").letters[0]
    assert letter.headline == "the shares of mix `m` add up to 103% at 40% of its stretch"
    assert letter.notes == ("web           63%", "code          40%", "together     103%")


def test_a_mix_with_points_in_tokens_is_summed_on_the_stage_that_uses_it(stage):
    mix = "mix m { web = 60% ~> 40% by 200k;  code = 40% ~> 60% by 400k }\n"
    (letter,) = stage(GOOD.replace("diet", "m"), more=mix).letters
    assert (letter.code, letter.stage) == ("DAT102", "grown")
    assert stage(GOOD, more=mix).letters == []


@pytest.mark.parametrize(
    ("mixes", "expected"),
    [
        # Nothing uses these: how they begin, and what moves inside them, is known all the same.
        ("mix m { web = 60% ~> 40% by 200k;  code = 43% }", ["DAT102"]),
        (
            "mix in { web = 60% ~> 40% by 200k;  code = rest }\nmix m { in = 90% ~> 80% by 100k;  web = rest }",
            ["DAT107"],
        ),
        # These are walked where they are used, through the mixes that hold them.
        (
            "mix in { web = 60% ~> 40% by 200k;  code = 40% ~> 60% by 400k }\nmix used { in = 90%;  web = rest }",
            ["DAT102"],
        ),
        ("mix used { web = 60% -> 40% at 1B;  code = rest }", ["SCH103"]),
        ("mix used { web = 60% -> 50% at 300k -> 40% at 10 steps;  code = rest }", ["SCH102"]),
    ],
)
def test_mixes_with_points_in_tokens_or_steps(stage, mixes: str, expected: list[str]):
    good = GOOD.replace("diet", "used") if "mix used" in mixes else GOOD
    assert [code for code, _ in said(stage(good, more=mixes + "\n"))] == expected


def test_a_name_is_not_edited_as_a_block(stage):
    more = "optimizer gentle { decay = 0.3 }\n"
    found = said(stage(GOOD + "\n  optimizer = gentle", "grown.optimizer.clip=3", more=more))
    assert found == [("PRF101", "optimizer")]


def test_stages_in_a_ring_are_a_cycle(stage):
    other = "train other { from = grown;  data = web;  steps = 5;  context = 1k;  batch = 4Ki;  lr = 1e-3 }\n"
    found = said(stage(GOOD.replace("data = diet", "data = diet"), "grown.from=other", more=other))
    assert [code for code, _ in found] == ["LIN101"]


def test_settings_reach_params_fields_and_nested_fields(stage):
    more = "param wide: count = 64\n"
    journey = stage(
        GOOD + "\n  checkpoint { every = 10 steps }",
        "wide=32",
        "grown.tokens=2M",
        "grown.checkpoint.keep=7",
        more=more,
    )
    assert said(journey) == []
    assert journey.graph is not None
    block = journey.graph.blocks["grown"]
    assert (int(block.tokens.value), block.checkpoint.keep) == (2_000_000, 7)


def test_a_setting_that_names_nothing_is_said_so(stage):
    assert said(stage(GOOD, "grwon.tokens=2M")) == [("PRF101", "grwon")]


def test_an_import_brings_names_under_its_own(stage, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "house.lehr").write_text(
        "lehr 1\noptimizer adamw { clip = 1.0 }\narch tiny { layers = 1 }\n"
    )
    journey = stage(GOOD + "\n  optimizer = house.adamw", more='import "lib/house.lehr" as house\n')
    assert [(code, text) for code, text in said(journey)] == [("NAM109", "arch tiny")]
    (tmp_path / "lib" / "house.lehr").write_text("lehr 1\noptimizer adamw { clip = 1.0 }\n")
    journey = stage(GOOD + "\n  optimizer = house.adamw", more='import "lib/house.lehr" as house\n')
    assert said(journey) == []


def test_imports_that_lead_back_are_refused(stage, tmp_path):
    (tmp_path / "a.lehr").write_text('lehr 1\nimport "recipe.lehr" as back\n')
    journey = stage(GOOD, more='import "a.lehr" as a\n')
    assert [code for code, _ in said(journey)] == ["NAM105"]


def test_like_begins_as_another_block(stage):
    more = "train grown_more like grown { steps = 3;  from = grown }\n"
    journey = stage(GOOD.replace("tokens = 1M", "steps = 10"), more=more)
    assert said(journey) == []
    assert [
        stretch.steps
        for stretch in journey.graph.derived.course(journey.graph.blocks["grown_more"]).stretches
    ] == [3]


@pytest.mark.parametrize("path", ["/tmp/runs", "../runs", "~/runs", "runs/../../up"])
def test_a_pipeline_stays_in_its_folder(journey, path: str):
    found = journey(f'lehr 1\npipeline recipe {{ runs = "{path}" }}\n')
    assert said(found) == [("NAM111", f'"{path}"')]


def test_a_stage_that_names_itself_is_a_ring(stage):
    found = stage(
        GOOD, more="train ring { from = ring;  data = diet;  steps = 20;  batch = 8 sequences;  lr = 1e-3 }\n"
    )
    assert said(found) == [("LIN101", "train ring")]
