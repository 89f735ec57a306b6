"""`lehr graph` on the recipes, as it is typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lehr.cli.graph import verb

ROOT = Path(__file__).parent.parent.parent
RECIPES = ("afm", "gemma2", "llama3", "quickstart", "qwen2")


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the recipes, on a terminal of no colour."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def graph(*arguments: str) -> Result:
    return CliRunner().invoke(verb, [*arguments])


def drawn(*arguments: str) -> str:
    found = graph(*arguments)
    assert (found.exit_code, found.stderr) == (0, "")
    return found.stdout


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_as_a_tree(name: str, golden):
    told = drawn(f"specs/{name}.lehr")
    golden(f"graph_{name}.txt", told)
    assert max(map(len, told.splitlines())) <= 110


def test_turns_and_data(golden):
    arguments = ("specs/llama3.lehr", "--profile", "rehearsal", "--unroll", "--data")
    golden("graph_llama3_unrolled.txt", drawn(*arguments))


@pytest.mark.parametrize(("name", "form"), [("llama3", "json"), ("qwen2", "dot"), ("gemma2", "mermaid")])
def test_a_recipe_for_programs(name: str, form: str, golden):
    told = drawn(f"specs/{name}.lehr", "--format", form)
    golden(f"graph_{name}.{form}", told)
    assert told == drawn(f"specs/{name}.lehr", "--format", form)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (["--select", "anneal"], ["anneal"]),
        (["--select", "1+anneal"], ["long_context", "anneal"]),
        (["--select", "anneal+", "--exclude", "post"], ["anneal", "base", "instruct"]),
        (["--select", "kind:init kind:release"], ["newborn", "instruct", "base"]),
        (["--select", "post[2]", "--exclude", "attempt"],
         ["post", "post[2]", "post[2].judge", "post[2].answers", "post[2].blend"]),
        (["--select", "judge"], ["post", "post[*].judge"]),
        (["--select", "general"], ["general"]),
        (["--select", "dense_405b"], ["dense_405b"]),
        (["--select", "+pretrain", "--data"],
         ["words", "general", "reasoning", "code", "multilingual", "fresh_web", "opening", "closing",
          "newborn", "pretrain"]),
    ],
)  # fmt: skip
def test_a_selection(terms: list[str], expected: list[str]):
    said = json.loads(drawn("specs/llama3.lehr", "--format", "json", *terms))
    found = [node["address"] for node in said["nodes"]]
    assert sorted(found) == sorted(expected)


def test_what_is_excluded_altogether():
    assert drawn("specs/quickstart.lehr", "--exclude", "*") == "no steps\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("specs/llama3.lehr", "--select", "aneal"), "did you mean `anneal`?"),
        (("specs/llama3.lehr", "--exclude", "kind:dop"), "did you mean `dpo`?"),
        (("specs/llama3.lehr", "--select", "state:changed"), "no states are known"),
        (("specs/none.lehr",), "cannot read specs/none.lehr"),
        (("specs",), "name one spec of"),
    ],
)
def test_what_is_typed_wrong(arguments: tuple[str, ...], sentence: str):
    found = graph(*arguments)
    assert found.exit_code == 2
    assert sentence in found.stderr


def test_a_spec_with_errors_shows_them(tmp_path: Path):
    path = tmp_path / "wrong.lehr"
    path.write_text("lehr 1\npipeline wrong {}\ntrain grown { from = nobody }\n")
    found = graph(str(path))
    assert found.exit_code == 1
    assert "error[NAM101]" in found.stdout
    assert graph("specs/llama3.lehr", "--profile", "nigth").exit_code == 1


def test_settings_and_profiles_count():
    assert "×3  policy" in drawn("specs/llama3.lehr", "--set", "rounds=3")
    assert "×2  policy" in drawn("specs/llama3.lehr", "--profile", "rehearsal")


def test_a_file_is_written(tmp_path: Path):
    found = graph("specs/quickstart.lehr", "-o", str(tmp_path / "tree.txt"), "--color", "always")
    assert (found.exit_code, found.stdout) == (0, "")
    assert (tmp_path / "tree.txt").read_text(encoding="utf-8") == drawn("specs/quickstart.lehr")
    found = graph("specs/quickstart.lehr", "-o", str(tmp_path / "no" / "such" / "tree.txt"))
    assert found.exit_code == 2


def test_colour_where_it_is_asked_for():
    assert "\x1b[32m⇒ base\x1b[0m" in drawn("specs/quickstart.lehr", "--color", "always")


def test_svg_is_what_graphviz_makes_of_the_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = graph("specs/quickstart.lehr", "--format", "svg")
    assert found.exit_code == 2
    assert "graphviz" in found.stderr
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1], sys.stdin.readline().strip())\n")
    os.chmod(program, 0o755)
    assert drawn("specs/quickstart.lehr", "--format", "svg") == '-Tsvg digraph "quickstart" {\n'
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no font')\n")
    assert "no font" in graph("specs/quickstart.lehr", "--format", "svg").stderr


def test_torch_is_never_imported():
    code = "import sys; from lehr.cli.graph import verb; verb(['specs/llama3.lehr'], standalone_mode=False)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0
