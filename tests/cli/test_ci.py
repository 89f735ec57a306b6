"""Linting in CI: logs that dashboards take, annotations, exit codes, the pre-commit hook and the GitHub action."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from signal import SIGINT

import jsonschema
import pytest
import yaml
from schemas import schema

ROOT = Path(__file__).parents[2]
SPEC = """\
lehr 1
pipeline recipe {}
corpus web { source = builtin("prose") }
tokenizer words { from = [web];  vocab = 1024 }
arch small { layers = 1;  width = 64;  heads = 4;  ffn = 192;  vocab = 1024 }
init newborn { arch = small;  tokenizer = words }
train grown { from = newborn;  data = web;  tokens = 40k;  context = 4k;  batch = 16Ki;  lr = 1e-3 }
train more { from = grown;  data = web;  steps = 4;  batch = 16Ki;  lr = 1e-3 }  # lehr: allow SCH204 -- a smoke test
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.lehr"
    path.write_text(SPEC)
    return path


def test_a_log_of_everything_is_sarif_by_its_schema(lehr, spec: Path):
    spec.write_text(SPEC.replace("data = web;  tokens", "data = wbe;  tokens"))
    log = json.loads(lehr("check", "--format", "sarif", "recipe.lehr").stdout)
    jsonschema.validate(log, schema("Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"))
    results = log["runs"][0]["results"]
    assert {result["level"] for result in results} >= {"error"}
    assert any("fixes" in result for result in results)


def test_what_is_allowed_reaches_the_dashboard_with_its_reason(lehr, spec: Path):
    log = json.loads(lehr("check", "--format", "sarif", "recipe.lehr").stdout)
    jsonschema.validate(log, schema("Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"))
    results = log["runs"][0]["results"]
    told = {one["message"]["text"].split("\n")[0]: one.get("suppressions") for one in results}
    assert told["`grown` is 2.44 optimizer steps long"] is None
    assert told["`more` is 4 optimizer steps long"] == [{"kind": "inSource", "justification": "a smoke test"}]


def test_a_log_of_the_recipes_is_sarif_by_its_schema(lehr):
    log = json.loads(lehr("check", "--format", "sarif", str(ROOT / "specs")).stdout)
    jsonschema.validate(log, schema("Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"))
    assert {result["level"] for result in log["runs"][0]["results"] if "suppressions" not in result} == {
        "note"
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), 0),
        (("--max-warnings", "1"), 0),
        (("--max-warnings", "0"), 1),
        (("--max-warnings", "0", "--ignore", "SCH"), 0),
        (("--max-warnings", "0", "--select", "DAT,names"), 2),
        (("--max-warnings", "0", "--select", "DAT,NAM"), 0),
        (("--unsafe",), 2),
    ],
)
def test_exit_codes(lehr, spec: Path, arguments: tuple[str, ...], expected: int):
    assert lehr("check", *arguments, "recipe.lehr").returncode == expected


def test_statistics_count_and_excuses_are_listed(lehr, spec: Path):
    found = lehr("check", "--statistics", "--show-allowed", "recipe.lehr")
    assert found.stdout.splitlines() == [
        "1  SCH204     short-window (warning)",
        "recipe.lehr:8:50: allowed[SCH204] 'more' is 4 optimizer steps long -- a smoke test",
    ]
    assert "1 warning (1 allowed)" in found.stderr


def test_unsafe_fixes_are_applied_only_when_they_are_asked_for(lehr, spec: Path):
    assert "Fixed" not in lehr("check", "--fix", "recipe.lehr").stderr
    found = lehr("check", "--fix", "--unsafe", "recipe.lehr")
    assert "Fixed 1" in found.stderr
    assert "tokens = 40M" in spec.read_text()
    assert found.returncode == 0


def test_a_stale_excuse_is_taken_out(lehr, spec: Path):
    spec.write_text(SPEC.replace("steps = 4;", "steps = 40;"))
    found = lehr("check", "--fix", "recipe.lehr")
    assert "Fixed 1" in found.stderr
    assert "lehr: allow" not in spec.read_text()


CONFIG = """\
[tool.lehr]
specs = ["recipes"]
[tool.lehr.lint]
{lint}
"""


@pytest.mark.parametrize(
    ("lint", "code", "said"),
    [
        ("", 0, "1 warning"),
        ('deny = ["short-window"]', 1, "1 error"),
        ('allow = ["SCH204"]', 0, "nothing to mend"),
        ('ignore = ["SCH"]', 0, "nothing to mend"),
        ('ignore = ["SCH"]\nselect = ["ALL", "SCH204"]', 0, "1 warning"),
        ("max-warnings = 0", 1, "1 warning"),
        ("[tool.lehr.lint.schedule]\nmin-steps = 2", 0, "1 warning"),
        ('[tool.lehr.lint.per-file]\n"recipes/*" = { ignore = ["SCH"] }', 0, "nothing to mend"),
        ('[tool.lehr.lint.per-file]\n"sketches/*" = { ignore = ["SCH"] }', 0, "1 warning"),
        ("max-warning = 0", 2, "[tool.lehr.lint] has no key `max-warning`; did you mean `max-warnings`?"),
        ('deny = ["SCH2O4"]', 2, "there is no rule or family `SCH2O4`"),
        ("[tool.lehr.lint.schedule]\nmin-step = 2", 2, "[tool.lehr.lint.schedule] has no key `min-step`"),
        ('max-warnings = "none"', 2, "`max-warnings`"),
        ("max-warnings = ", 2, "pyproject.toml"),
        ("[tool.lehr.lint.data]\nmax-passes = nan", 2, "`max-passes` is a number"),
        ("[tool.lehr.lint.schedule]\nwarmup-share = 2", 2, "`warmup-share` is at most 1"),
        ("select = [1]", 2, "`select` is a list of texts"),
        ("per-file = 3", 2, "`per-file` is a table"),
        ("max-warnings = true", 2, "`max-warnings` is a whole number"),
    ],
)
def test_the_configuration_says_what_counts(lehr, tmp_path: Path, lint: str, code: int, said: str):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/recipe.lehr").write_text(SPEC)
    (tmp_path / "pyproject.toml").write_text(CONFIG.format(lint=lint))
    found = lehr("check")
    assert (found.returncode, said in found.stderr) == (code, True), found.stderr


def test_a_threshold_moves_the_rule(lehr, spec: Path, tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(CONFIG.format(lint="[tool.lehr.lint.schedule]\nmin-steps = 2"))
    found = lehr("check", "recipe.lehr")
    # Three steps are enough now, so what excused the four steps of the other stage excuses nothing.
    assert "LNT201" in found.stdout
    assert "SCH204" not in found.stdout.replace("`SCH204`", "").replace("allow SCH204", "")


def test_a_plan_is_refused_where_the_configuration_denies(lehr, spec: Path, tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(CONFIG.format(lint='deny = ["SCH204"]'))
    assert lehr("plan", "recipe.lehr").returncode == 1
    (tmp_path / "pyproject.toml").write_text(CONFIG.format(lint=""))
    assert lehr("plan", "recipe.lehr").returncode == 0


@pytest.mark.parametrize(
    "lint", ['warn = ["SCH101"]', 'allow = ["SCH101"]', 'ignore = ["ALL"]', 'warn = ["ALL"]']
)
def test_no_configuration_makes_a_plan_of_what_leaves_none(lehr, spec: Path, tmp_path: Path, lint: str):
    spec.write_text(SPEC.replace("batch = 16Ki", "batch = 16_000 tokens"))
    (tmp_path / "pyproject.toml").write_text(CONFIG.format(lint=lint))
    for verb in ("check", "plan"):
        found = lehr(verb, "recipe.lehr")
        assert (found.returncode, "error[SCH101]" in (found.stdout + found.stderr)) == (1, True)


def test_watching_checks_again_when_a_file_changes(spec: Path, tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "lehr.cli", "check", "--watch", "recipe.lehr"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    said = ""
    while "Watching" not in said:
        said = process.stdout.readline()
    spec.write_text(SPEC.replace("40k", "40M"))
    said = ""
    while "Checked" not in said:
        said = process.stdout.readline()
    assert "nothing to mend" in said
    process.send_signal(SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()


# ---- what others call -----------------------------------------------------------------------


def test_the_hook_of_pre_commit_finds_the_warning(lehr, spec: Path):
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert set(hooks) == {"lehr-check", "lehr-fmt"}
    for hook in hooks.values():
        program, verb = hook["entry"].split()
        assert (program, hook["language"]) == ("lehr", "python")
        assert lehr(verb, "--help").returncode == 0
    assert "SCH204" in lehr(*hooks["lehr-check"]["entry"].split()[1:], "recipe.lehr").stdout


def test_the_action_is_one_by_its_schema():
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    jsonschema.validate(action, schema("creating-actions/metadata-syntax-for-github-actions"))


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({}, 0),
        ({"MAX_WARNINGS": "0"}, 1),
        ({"SPECS": "recipe.lehr\n", "IGNORE": "SCH"}, 0),
        ({"SELECT": "SHC"}, 2),
    ],
)
def test_the_step_of_the_action_marks_lines_and_writes_a_log(
    spec: Path, tmp_path: Path, inputs: dict[str, str], code: int
):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    step = next(step for step in action["runs"]["steps"] if step.get("name") == "Check")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/lehr").write_text(f'#!/bin/sh\nexec {sys.executable} -m lehr.cli "$@"\n')
    (tmp_path / "bin/lehr").chmod(0o755)
    empty = dict.fromkeys(step["env"], "")
    environment = {
        **os.environ,
        **empty,
        "SARIF": "lehr.sarif",
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
    }
    bash = shutil.which("bash")
    assert bash
    found = subprocess.run(
        [bash, "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={**environment, **inputs},
        capture_output=True,
        text=True,
    )
    assert found.returncode == code, found.stderr
    if code != 2:
        jsonschema.validate(
            json.loads((tmp_path / "lehr.sarif").read_text()), schema("(SARIF) Version 2.1.0 JSON")
        )
        assert ("::warning title=SCH204" in found.stdout) is ("IGNORE" not in inputs)
