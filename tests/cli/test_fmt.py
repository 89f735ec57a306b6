"""`lehr fmt`, as it is called."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lehr.cli.door import lehr

UNTIDY, TIDY = "lehr 1\nx=1\n", "lehr 1\nx = 1\n"


@pytest.fixture
def fmt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs" / "lib").mkdir(parents=True)
    (tmp_path / "specs" / "a.lehr").write_text(UNTIDY)
    (tmp_path / "specs" / "lib" / "b.lehr").write_text(TIDY)

    def run(*arguments: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(lehr, ["fmt", *arguments], input=stdin)

    return run


def test_it_writes_what_is_untidy_and_says_how_much(fmt):
    found = fmt()
    assert found.exit_code == 0
    assert found.stderr == "   Formatted specs/a.lehr\n   1 changed, 1 unchanged\n"
    assert Path("specs/a.lehr").read_text() == TIDY


def test_check_writes_nothing_and_exits_with_1(fmt):
    found = fmt("--check")
    assert (found.exit_code, found.stdout) == (1, "would reformat specs/a.lehr\n")
    assert "1 of 2 files is untidy" in found.stderr
    assert Path("specs/a.lehr").read_text() == UNTIDY
    assert fmt("specs/lib", "--check").exit_code == 0


def test_diff_shows_what_would_change(fmt):
    found = fmt("--diff", "specs/a.lehr")
    assert found.exit_code == 1
    assert found.stdout.splitlines()[-2:] == ["-x=1", "+x = 1"]
    assert Path("specs/a.lehr").read_text() == UNTIDY


def test_a_dash_reads_standard_input(fmt):
    assert fmt("-", stdin=UNTIDY).stdout == TIDY
    assert fmt("-", "--check", stdin=UNTIDY).exit_code == 1
    assert fmt("-", stdin="lehr 1\nx =\n").exit_code == 1


def test_what_does_not_parse_is_left_alone(fmt):
    Path("specs/bad.lehr").write_text("lehr 1\nx = \n")
    found = fmt()
    assert found.exit_code == 1
    assert "SYN101" in found.stdout
    assert "1 cannot be read" in found.stderr
    assert Path("specs/bad.lehr").read_text() == "lehr 1\nx = \n"


def test_line_ends_and_byte_order_marks_go(fmt):
    Path("specs/a.lehr").write_bytes(b"\xef\xbb\xbflehr 1\r\nx = 1\r\n")
    fmt()
    assert Path("specs/a.lehr").read_bytes() == TIDY.encode()


def test_a_missing_file_is_a_fault_of_the_command(fmt):
    assert fmt("nowhere.lehr").exit_code == 2
