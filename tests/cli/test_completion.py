"""Completion, as a shell asks for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAM = Path(sys.executable).parent / "lehr"

BASH = """\
eval "$(lehr completion bash)"
COMP_WORDS=({words})
COMP_CWORD={index}
_lehr_completion lehr
echo "${{COMPREPLY[@]}}"
"""


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}


def completed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = BASH.format(words=" ".join(f"'{word}'" for word in words), index=len(words) - 1)
    found = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    return found.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_options_choices_specs_and_codes():
    assert completed("lehr", "ch") == ["check"]
    assert "--profile" in completed("lehr", "check", "--pr")
    assert completed("lehr", "check", "--format", "sa") == ["sarif"]
    assert completed("lehr", "plan", "specs/ll") == ["specs/llama3.lehr"]
    assert {"specs/", "specs/quickstart.lehr"} <= set(completed("lehr", "plan", "spe"))
    assert completed("lehr", "explain", "ragged") == ["ragged-batch"]
    assert completed("lehr", "explain", "distil") == ["distill"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_it_can_read(shell: str):
    found = subprocess.run(
        [PROGRAM, "completion", shell], env=environment(), capture_output=True, text=True, check=True
    )
    assert "_LEHR_COMPLETE" in found.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=found.stdout, text=True, check=True)
