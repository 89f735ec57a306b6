"""`lehr check` and `lehr plan` as processes: answers, letters and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

QUICKSTART = Path(__file__).parents[2] / "specs" / "quickstart.lehr"
STAGE = """\
lehr 1
pipeline recipe {}
corpus web { source = builtin("prose") }
tokenizer words { from = [web];  vocab = 1024 }
arch small { layers = 1;  width = 64;  heads = 4;  ffn = 192;  vocab = 1024 }
init newborn { arch = small;  tokenizer = words }
train grown { from = newborn;  data = web;  tokens = 1M;  context = 4k;  batch = 16Ki;  lr = 1e-3 }
"""


def test_the_quickstart_is_sound(lehr):
    found = lehr("check", str(QUICKSTART))
    assert (found.returncode, found.stdout) == (0, "")
    assert "nothing to mend; 3 claims hold" in found.stderr


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_torch_is_never_imported(verb: str, tmp_path: Path):
    program = (
        "import sys; from lehr.cli.door import _code; "
        f"assert _code([{verb!r}, {str(QUICKSTART)!r}]) == 0; "
        "bad = [name for name in ('torch', 'triton', 'tokenizers', 'pyarrow', 'safetensors') if name in sys.modules]; "
        "assert bad == [], bad"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_check_imports_neither_networkx_nor_rich(tmp_path: Path):
    program = (
        "import sys; from lehr.cli.door import _code; "
        f"_code(['check', {str(QUICKSTART)!r}]); "
        "assert not {'networkx', 'rich', 'jinja2'} & set(sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def bad_inputs() -> dict[str, tuple[bytes, str, str]]:
    """What is wrong: the file, the code, and the place as line:column."""
    text = STAGE.encode()
    return {
        "truncated": (text[: text.index(b"context = 4k") + 10], "SYN", "7:"),
        "unclosed block": (text.rstrip().removesuffix(b"}"), "SYN107", "7:"),
        "tabs and CRLF": (text.replace(b"\n", b"\r\n").replace(b";  lr", b"\r\n\t\tlrr"), "NAM102", "8:3"),
        "invalid UTF-8": (text.replace(b"grown", b"gro\xffwn"), "SYN", "7:10"),
        "a 10 MB line": (text + b"let x = " + b"1" * 10_000_000 + b"\n", "SYN", "8:"),
        "unknown field": (text.replace(b"lr = 1e-3", b"rate = 1e-3"), "NAM102", "7:89"),
        "a mix of 103 %": (text + b"mix m {\n  web = 103%\n}\n", "DAT102", "9:9"),
        "a ragged batch": (text.replace(b"16Ki", b"4M"), "SCH101", "7:82"),
        "no first line": (text.replace(b"lehr 1\n", b""), "SYN", "1:1"),
        "nothing": (b"", "SYN", "1:1"),
        "a NUL": (text.replace(b"1e-3", b"1e-3\0"), "SYN", "7:"),
    }


@pytest.mark.parametrize("name", bad_inputs())
def test_bad_input_is_a_letter_with_its_place_and_exit_code_1(lehr, tmp_path: Path, name: str):
    document, code, place = bad_inputs()[name]
    (tmp_path / "bad.lehr").write_bytes(document)
    found = lehr("check", "--format", "short", "bad.lehr")
    assert found.returncode == 1, found.stderr
    assert "Traceback" not in found.stderr
    assert any(f"bad.lehr:{place}" in line and f"[{code}" in line for line in found.stdout.splitlines()), (
        found.stdout
    )
    whole = lehr("check", "bad.lehr")
    assert whole.returncode == 1
    assert f"bad.lehr:{place}" in whole.stdout
    assert max(len(line) for line in whole.stdout.splitlines()) < 400


def test_a_missing_file_is_a_fault_of_the_command(lehr):
    found = lehr("check", "none.lehr")
    assert (found.returncode, found.stdout) == (2, "")
    assert "cannot read none.lehr: no such file or directory" in found.stderr


def test_an_unknown_verb_names_the_close_one(lehr):
    found = lehr("chekc")
    assert found.returncode == 2
    assert "Did you mean `check`?" in found.stderr


def test_json_carries_codes_places_and_fixes(lehr, tmp_path: Path):
    (tmp_path / "bad.lehr").write_text(STAGE.replace("16Ki", "4M"))
    document = json.loads(lehr("check", "--format", "json", "bad.lehr").stdout)
    (letter,) = document["diagnostics"]
    assert document["version"] == 1
    assert (letter["code"], letter["severity"]) == ("SCH101", "error")
    assert letter["labels"][0]["span"]["start"]["line"] == 7


def test_safe_fixes_are_applied_and_the_rest_is_left(lehr, tmp_path: Path):
    path = tmp_path / "bad.lehr"
    path.write_text(STAGE.replace("arch = small", "arch = smal").replace("16Ki", "4M"))
    found = lehr("check", "--fix", "bad.lehr")
    assert found.returncode == 0, found.stdout
    assert path.read_text() == STAGE.replace("16Ki", "4Mi")
    assert "Fixed 2 in bad.lehr" in found.stderr


def test_a_plan_is_written_and_reported(lehr, tmp_path: Path):
    (tmp_path / "good.lehr").write_text(STAGE)
    found = lehr("plan", "good.lehr", "-o", "good.plan.json", "--exit-code")
    assert found.returncode == 4
    assert "62 steps · 1 015 808 tokens · from newborn" in found.stdout
    assert json.loads((tmp_path / "good.plan.json").read_text())["pipeline"] == "recipe"


def test_a_spec_with_errors_has_no_plan(lehr, tmp_path: Path):
    (tmp_path / "bad.lehr").write_text(STAGE.replace("16Ki", "4M"))
    found = lehr("plan", "bad.lehr", "-o", "bad.plan.json")
    assert found.returncode == 1
    assert not (tmp_path / "bad.plan.json").exists()


def test_help_names_every_verb(lehr):
    found = lehr("--help")
    assert found.returncode == 0
    assert all(verb in found.stdout for verb in ("check", "plan", "run", "resume", "status", "export"))
    for verb in ("check", "plan", "run", "resume", "status", "export"):
        assert lehr(verb, "--help").returncode == 0
