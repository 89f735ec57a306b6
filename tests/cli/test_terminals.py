"""What comes out fits where it goes: terminals without Unicode or colour, pipes, and odd file names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "lehr"
SPEC = 'lehr 1\nlet é = "漢字\n'


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "odd.lehr").write_text(SPEC, encoding="utf-8")
    return tmp_path / "odd.lehr"


def checked(spec: Path | bytes, *options: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [PROGRAM, "check", spec, *options], env={**kept, **environment}, capture_output=True, check=False
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf_8_gets_ascii(spec: Path, encoding: str):
    done = checked(spec, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stdout.isascii()) == (1, True)
    line, marks = (one.decode() for one in done.stdout.splitlines()[3:5])
    assert (line, marks) == ('2 | let ? = "????', "  |     ^")


@pytest.mark.parametrize("form", ["json", "jsonl", "sarif", "github"])
def test_the_forms_for_machines_are_utf_8_on_every_terminal(spec: Path, form: str):
    plain = checked(spec, "--format", form, PYTHONIOENCODING="latin-1")
    assert (plain.returncode, plain.stdout) == (1, checked(spec, "--format", form).stdout)
    assert "é" in plain.stdout.decode()


def test_a_pipe_has_no_colour_unless_asked_for(spec: Path):
    def coloured(*options: str, **environment: str) -> bool:
        return b"\x1b[" in checked(spec, *options, **environment).stdout

    assert not coloured()
    assert coloured(FORCE_COLOR="1")
    assert not coloured(FORCE_COLOR="1", NO_COLOR="1")
    assert coloured("--color", "always", NO_COLOR="1")
    assert not coloured("--color", "never", FORCE_COLOR="1")


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are bytes")
@pytest.mark.parametrize("form", ["text", "short", "json", "sarif", "github"])
def test_a_file_name_that_is_not_utf_8_can_be_told(tmp_path: Path, form: str):
    path = os.path.join(os.fsencode(tmp_path), b"b\xff.lehr")
    Path(os.fsdecode(path)).write_text(SPEC, encoding="utf-8")
    done = checked(path, "--format", form)
    assert (done.returncode, "SYN100" in done.stdout.decode()) == (1, True)
    if form == "sarif":
        place = json.loads(done.stdout)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"].endswith("b%FF.lehr")


def test_a_page_keeps_its_colour_in_a_pipe_when_asked():
    told = subprocess.run(
        [PROGRAM, "explain", "SCH101", "--color", "always"], capture_output=True, check=True
    )
    assert b"\x1b[" in told.stdout
