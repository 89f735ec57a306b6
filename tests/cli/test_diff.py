"""`lehr diff` on the recipes and on small pipelines, as it is typed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pipelines import SPEC, go

from lehr.cli.diff import verb

ROOT = Path(__file__).parent.parent.parent
EDITS = {
    "llama3": [
        ("8e-7 by 1.2M steps", "0 by 1.2M steps"),
        ("tokens    = 15.6T", "tokens    = 15.7T"),
        ("general      = 42% ~> 34%", "general      = 44% ~> 36%"),
        ("code         = 17%                # source", "code         = 15%                # source"),
        ("param rounds: count = 6", "param rounds: count = 5"),
        ("release base     {", "release basis    {"),
        ("expect anneal.lr.end       == 0\n", ""),
    ],
    "qwen2": [
        ("episodes: count = 8", "episodes: count = 4"),
        ("web = 70%;  code = 20%;  maths = 10%", "web = 65%;  code = 25%;  maths = 10%"),
        ("tokens  = 4.5T ", "tokens  = 4T   "),
        ("sft taught {", "sft tutored {"),
        ("from      = taught\n  reference = taught", "from      = tutored\n  reference = tutored"),
        ("with = taught;", "with = tutored;"),
        ("clip = 1.0", "clip = 0.5"),
    ],
    "gemma2": [
        ("window      = [4k, full]", "window      = [8k, full]"),
        ("let chinchilla = 20 tokens", "let chinchilla = 19 tokens"),
        ("for seed in [1, 2, 3]", "for seed in [1, 2, 3, 4]"),
        ("weights = [70%, 30%]", "weights = [60%, 40%]"),
        ("set corpus[*].source      = synthetic(seed: 7)", "set corpus[*].source      = synthetic(seed: 8)"),
    ],
    "afm": [
        ("convex(label: 10%, teacher_top1: 90%)", "convex(label: 20%, teacher_top1: 80%)"),
        (" = 1T\n", " = 1.2T\n"),
        (" = 100B\n", " = 120B\n"),
        ("dropout = 10%            # source: §4.1\n}\n\n## iTeC", "}\n\n## iTeC"),
        ("mix long_diet      { continued_diet = 80%;  long_qa = 20% }",
         "mix long_diet      { continued_diet = 70%;  long_qa = 30% }"),
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the recipes, where nothing has run."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def diff(*arguments: str) -> Result:
    """The verb, called by the group as a shell would."""
    return CliRunner().invoke(verb, [*arguments])


def shown(*arguments: str) -> str:
    found = diff(*arguments)
    assert (found.exit_code, found.stderr) == (0, ""), found.stderr
    return found.stdout


def edited(name: str) -> str:
    path = Path(f"specs/{name}.lehr")
    text = path.read_text()
    for before, after in EDITS[name]:
        assert before in text
        text = text.replace(before, after, 1)
    path.with_stem(f"{name}_next").write_text(text)
    return f"specs/{name}_next.lehr"


# ---- recipes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITS)
def test_a_recipe_that_was_edited(name: str, golden):
    told = shown(f"specs/{name}.lehr", edited(name))
    golden(f"diff_{name}.txt", re.sub(r"line \d+", "line …", told))  # lines come and go above
    assert max(map(len, told.splitlines())) <= 160


@pytest.mark.parametrize("name", EDITS)
def test_a_recipe_that_was_reordered_and_laid_out_anew_is_the_same(name: str):
    path = Path(f"specs/{name}.lehr")
    head, *parts = re.split(r"\n(?=(?:##|[a-z]+ [^\n]*\{|param|let|expect|import))", path.read_text())
    parts = ["\n".join(line for line in part.split("\n") if not line.startswith("#")) for part in parts]
    parts = [re.sub(r"[ \t]+", " ", part) + "  # another remark" for part in parts]
    path.with_stem("other").write_text(head + "\n" + "\n\n".join(reversed(parts)) + "\n")
    for profile in ("full", "rehearsal"):
        told = shown(str(path), "specs/other.lehr", "--profile", profile, "--exit-code")
        assert told == f"specs/{name}.lehr and specs/other.lehr say the same.\n"


def test_a_profile_has_its_own_difference():
    path = edited("gemma2")
    told = shown("specs/gemma2.lehr", path, "--profile", "rehearsal")
    assert "  corpus web\n~   source.seed  7 → 8\n" in told
    full = shown("specs/gemma2.lehr", path)
    assert "source.seed" not in full
    assert "  profile rehearsal\n-   set corpus[*].source = synthetic(seed: 7)\n" in full


# ---- what follows, what is new, what has another name --------------------------------------------

SMALL = """\
lehr 1
pipeline small {}
param size: tokens = 1M
corpus web  { source = builtin("prose") }
corpus code { source = builtin("code") }
tokenizer words { from = [web, code];  vocab = 1024 }
arch shape { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = words.vocab }
init newborn { arch = shape;  tokenizer = words }
mix diet { web = 60%;  code = rest }
train grown { from = newborn;  data = diet;  tokens = size;  context = 1k;  batch = 4Ki;  lr = 1e-3 ~> 1e-4 by end }
train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = grown.lr.end }
"""


def subjects(before: str, after: str, *arguments: str) -> dict[str, dict]:
    """What changed, by address."""
    Path("a.lehr").write_text(before)
    Path("b.lehr").write_text(after)
    (found,) = json.loads(shown("a.lehr", "b.lehr", "--format", "json", *arguments))["specs"]
    return {one["address"]: one for one in found["subjects"]}


def fields(subject: dict) -> dict[str, tuple[str, str, bool]]:
    return {one["field"]: (one["before"], one["after"], one["follows"]) for one in subject["changes"]}


def test_what_was_not_written_otherwise_follows():
    found = subjects(
        SMALL,
        SMALL.replace("1e-4 by end", "5e-4 by end").replace("tokens = 1M\ncorpus", "tokens = 2M\ncorpus"),
    )
    assert list(found) == ["size", "grown", "last"]
    assert fields(found["size"]) == {"": ("1M", "2M", False)}
    grown = fields(found["grown"])
    assert grown["tokens"] == ("1M", "2M", True)
    assert grown["lr.end"] == ("0.0001", "0.0005", False)
    assert grown["steps"] == ("245", "489", True)
    assert fields(found["last"]) == {"lr": ("0.0001", "0.0005", True)}


def test_a_timeline_that_got_another_arrow_is_told_whole():
    found = subjects(
        SMALL, SMALL.replace("1e-3 ~> 1e-4 by end", "1e-3 -> 5e-4 at 50% ~> 1e-4 by end via cosine")
    )
    assert fields(found["grown"]) == {
        "lr": ("0.001 ~> 0.0001 by 100%", "0.001 -> 0.0005 at 50% ~> 0.0001 by 100% via cosine", False)
    }


def test_a_share_that_is_the_rest_follows():
    found = subjects(SMALL, SMALL.replace("web = 60%", "web = 70%"))
    assert fields(found["diet"]) == {"web": ("60%", "70%", False), "code": ("40%", "30%", True)}


def test_a_stage_that_is_called_otherwise_is_no_other_stage():
    found = subjects(SMALL, re.sub(r"\bgrown\b", "raised", SMALL))
    assert list(found) == ["raised"]
    assert (found["raised"]["action"], found["raised"]["was"], found["raised"]["changes"]) == (
        "renamed",
        "grown",
        [],
    )
    (told,) = json.loads(shown("a.lehr", "b.lehr", "--format", "json"))["specs"]
    assert not any(one["another"] for one in told["steps"])


def test_what_is_new_and_what_is_gone():
    more = SMALL.replace("corpus code", 'corpus more { source = builtin("skills") }\ncorpus code')
    assert {name: one["action"] for name, one in subjects(SMALL, more).items()} == {"more": "added"}
    assert {name: one["action"] for name, one in subjects(more, SMALL).items()} == {"more": "removed"}
    told = shown("b.lehr", "a.lehr")
    assert "+ corpus more" in told


def test_claims_gates_and_profiles_are_told_as_they_were_written():
    gate = "  require marks >= 10% at end"
    bench = "bench marks { suite = exact_match(web, questions: 10) }\n"
    before = SMALL + bench
    after = before.replace("lr = grown.lr.end }", f"lr = grown.lr.end\n{gate}\n}}")
    after += "expect grown.tokens  ==  1M tokens  # so many\nprofile short { scale tokens by 1/2 }\n"
    found = subjects(before, after)
    assert fields(found["last"]) == {"require": (None, "require marks >= 10% at end", False)}
    assert found["grown.tokens == 1M tokens"]["kind"] == "expect"
    assert found["short"]["kind"] == "profile"


def test_numbers_that_differ_in_their_last_digit_are_told_apart():
    found = subjects(SMALL, SMALL.replace("batch = 4Ki;  lr = 1e-3", "batch = 4Ki;  lr = 1.000001e-3"))
    before, after, _ = fields(found["grown"])["lr.start"]
    assert before != after


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (["--select", "grown"], ["grown"]),
        (["--select", "grown+"], ["grown", "last"]),
        (["--select", "kind:mix"], ["diet"]),
        (["--select", "1+grown"], ["diet", "grown"]),
        (["--select", "state:changed", "--exclude", "kind:train"], ["diet"]),
    ],
)
def test_a_selection(terms: list[str], expected: list[str]):
    after = SMALL.replace("web = 60%", "web = 70%").replace("lr = 1e-3 ~> 1e-4", "lr = 1e-3 ~> 2e-4")
    assert sorted(subjects(SMALL, after, *terms)) == expected


# ---- revisions, saved plans, run folders ------------------------------------------------------------


def git(*arguments: str) -> None:
    told = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *told, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository() -> None:
    """Two commits, and a change that is not committed; the library that is imported changes too."""
    git("init", "--quiet", "--initial-branch=main")
    git("add", "specs")
    git("commit", "--quiet", "-m", "the recipes")
    git("tag", "v1")
    house = Path("specs/lib/house.lehr")
    assert "decay = 0.1" in house.read_text()
    house.write_text(house.read_text().replace("decay = 0.1", "decay = 0.2"))
    Path("specs/afm.lehr").unlink()
    git("commit", "--quiet", "-a", "-m", "more decay")
    shutil.copy(edited("qwen2"), "specs/qwen2.lehr")
    Path("specs/qwen2_next.lehr").unlink()


@pytest.mark.usefixtures("repository")
def test_a_spec_at_a_revision_is_read_with_all_that_it_imports():
    told = shown("v1", "--", "specs/llama3.lehr")
    assert told.startswith("lehr compared v1:specs/llama3.lehr with specs/llama3.lehr:\n")
    assert "decay  0.1 → 0.2" in told
    assert (
        shown("main", "--", "specs/llama3.lehr")
        == "main:specs/llama3.lehr and specs/llama3.lehr say the same.\n"
    )
    assert shown("v1", "specs/llama3.lehr") == told
    assert "decay  0.2 → 0.1" in shown("main", "v1", "--", "specs/llama3.lehr")
    assert Path("specs/lib/house.lehr").read_text().count("decay = 0.2") == 1


@pytest.mark.usefixtures("repository")
def test_all_specs_at_a_revision_those_that_are_gone_too():
    told = shown("v1")
    assert "- spec v1:specs/afm.lehr" in told
    assert "~ param episodes  8 → 4" in told
    assert "v1:specs/quickstart.lehr and specs/quickstart.lehr say the same." in told


@pytest.mark.usefixtures("repository")
def test_a_notice_for_every_change_beside_its_line():
    told = shown("main", "--format", "github")
    assert re.search(
        r"^::notice title=train experts%3A changed,file=specs/qwen2.lehr,line=\d+::tokens 4.5T → 4T",
        told,
        re.M,
    )
    assert "follows" not in told.split("param episodes")[0]


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("mian",), "`mian` is no file, and no revision of git"),
        (("specs",), "`specs` is a folder without a plan.json, and no revision of git"),
        (("specs/afm.lehr",), "the other side is missing"),
        ((), "name two things to compare"),
        (("a", "b", "c"), "name two things to compare"),
        (("specs/qwen2.lehr", "specs/llama3.lehr", "--", "specs/llama3.lehr"), "where a revision is named"),
        (("main", "--", "none.lehr"), "cannot read"),
        (("main", "--", "/etc/none.lehr"), "no revision of git in /etc"),
        (("specs/none.lehr", "specs/llama3.lehr"), "cannot read specs/none.lehr"),
        (("main", "--select", "aneal", "--", "specs/llama3.lehr"), "did you mean `anneal`?"),
    ],
)
def test_what_is_typed_wrong(arguments: tuple[str, ...], sentence: str):
    found = diff(*arguments)
    assert (found.exit_code, found.stdout) == (2, "")
    assert sentence in found.stderr


def test_without_git_a_revision_is_a_fault_of_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    found = diff("main")
    assert found.exit_code == 2
    assert "git" in found.stderr


def test_a_side_with_errors_shows_them():
    Path("wrong.lehr").write_text("lehr 1\npipeline wrong {}\ntrain grown { from = nobody }\n")
    found = diff("wrong.lehr", "specs/llama3.lehr")
    assert found.exit_code == 1
    assert "error[NAM101]" in found.stderr


def test_something_changed_is_an_exit_code_where_it_is_asked_for():
    path = edited("qwen2")
    assert diff("specs/qwen2.lehr", path).exit_code == 0
    assert diff("specs/qwen2.lehr", path, "--exit-code").exit_code == 4
    assert diff("specs/qwen2.lehr", "specs/qwen2.lehr", "--exit-code").exit_code == 0


def test_what_a_run_has_done_says_what_would_run_again(tmp_path: Path):
    short = (
        SPEC.replace("steps   = 60", "steps   = 6")
        .replace("steps = 10", "steps = 4")
        .replace("by 10 steps", "by 2 steps")
    )
    (tmp_path / "tiny.lehr").write_text(short)
    assert go(tmp_path, "run", "tiny.lehr").returncode == 0
    (tmp_path / "next.lehr").write_text(short.replace("lr = 3e-4 ~> 0 by end", "lr = 4e-4 ~> 0 by end"))
    told = shown("tiny.lehr", "next.lehr")
    assert re.search(r"^~ last +would run again because `lr` changed \(next.lehr, line 19\)$", told, re.M)
    assert told.endswith("3 steps would run again, 8 kept, 0 not yet run\n")
    (of_run,) = json.loads(shown("runs/tiny/full", "next.lehr", "--format", "json"))["specs"]
    fates = {one["address"]: one["fate"] for one in of_run["steps"]}
    assert {name for name, fate in fates.items() if fate == "again"} == {"last", "marks(last)", "base"}
    (subject,) = of_run["subjects"]
    assert (subject["address"], [one["field"] for one in subject["changes"]]) == ("last", ["lr"])
    assert "say the same" in shown("runs/tiny/full", "tiny.lehr")


# ---- what breaks ---------------------------------------------------------------------------------


def test_what_a_change_of_llama_breaks_by_category():
    """Each category holds those after it; a shape that is released twice is one letter."""
    path = edited("llama3")
    text = (
        Path(path).read_text().replace("ffn    = 53248", "ffn    = 53504").replace("count = 5", "count = 6")
    )
    Path(path).write_text(text)

    def codes(category: str) -> set[str]:
        found = diff("specs/llama3.lehr", path, "--breaking", category, "--format", "json")
        assert found.exit_code == 1
        return {one["code"] for one in json.loads(found.stdout)["diagnostics"]}

    release = {"BRK101", "BRK102"}
    assert codes("RELEASE") == release
    assert codes("weights") == codes("PLAN") == codes("SPEC") == release | {"BRK201", "BRK202", "BRK203"}


@pytest.mark.usefixtures("repository")
def test_breaking_between_revisions():
    found = diff("main", "--breaking", "RELEASE", "--format", "github")
    assert (found.exit_code, found.stdout) == (0, "")
    found = diff("main", "--breaking", "--format", "github")
    assert found.exit_code == 1
    assert re.search(
        r"^::warning title=BRK201 tokens-changed,file=specs/qwen2.lehr,line=\d+,", found.stdout, re.M
    )
    gone = diff("v1", "--breaking", "RELEASE")
    assert gone.exit_code == 1
    assert "error[BRK101]: `on_device` is no longer released" in gone.stdout
    assert "v1:specs/afm.lehr" in gone.stdout


def test_a_spec_that_breaks_nothing_says_so_on_the_side():
    found = diff("specs/qwen2.lehr", "specs/qwen2.lehr", "--breaking")
    assert (found.exit_code, found.stdout) == (0, "")
    assert found.stderr == "Compared by SPEC: nothing is broken\n"


def test_what_is_allowed_breaks_nothing_and_is_no_idle_allow():
    Path("a.lehr").write_text(SMALL + "release best { model = last }\n")
    after = (
        SMALL + "release best { model = last;  format = huggingface }  # lehr: allow BRK104 -- version 2\n"
    )
    Path("b.lehr").write_text(after)
    found = diff("a.lehr", "b.lehr", "--breaking")
    assert (found.exit_code, found.stdout) == (0, "")
    assert found.stderr == "Compared by SPEC: nothing is broken, 1 allowed\n"
    assert "LNT201" not in go(Path(), "check", "b.lehr").stdout


def test_a_plan_says_too_little_to_break():
    assert go(Path(), "plan", "specs/qwen2.lehr", "-o", "saved.json").returncode == 0
    found = diff("saved.json", "specs/qwen2.lehr", "--breaking", "PLAN")
    assert found.exit_code == 2
    assert "a plan no longer says what was written" in found.stderr


def test_the_categories_are_those_of_the_rules():
    from lehr.cli.diff import CATEGORIES
    from lehr.compiler.lint import pair
    from lehr.compiler.lint.rules import rules

    assert CATEGORIES == pair.CATEGORIES
    assert {one.breaks for one in rules().values() if one.code.startswith("BRK")} == set(CATEGORIES)


def test_a_saved_plan_is_a_side():
    assert go(Path(), "plan", "specs/qwen2.lehr", "-o", "saved.json").returncode == 0
    told = shown("saved.json", edited("qwen2"))
    assert re.search(r"train experts\n~   tokens +4 500 001 652 736 → ", told)
    assert "sft taught → tutored" not in told  # its optimizer changed too
    Path("saved.json").write_text("{}")
    assert "is not a plan of this version" in diff("saved.json", "specs/qwen2.lehr").stderr


def test_torch_is_never_imported():
    sides = ["specs/llama3.lehr", "specs/afm.lehr"]
    code = f"import sys; from lehr.cli.diff import verb; verb({sides}, standalone_mode=False)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], capture_output=True
    )
    assert done.returncode == 0
