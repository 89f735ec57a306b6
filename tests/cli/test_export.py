"""What is handed to others, and what is said when it cannot be written."""

import json
from pathlib import Path

import pytest

from lehr.cli import main


def exported(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["export", *words])
    return int(left.value.code or 0)


def test_the_editor_s_folder_is_made_and_holds_the_extension(tmp_path: Path):
    folder = tmp_path / "new" / "folder"
    assert exported("editor", str(folder)) == 0
    grammar = json.loads((folder / "syntaxes" / "lehr.tmLanguage.json").read_text())
    assert grammar["scopeName"] == "source.lehr"
    assert sorted(path.name for path in folder.iterdir()) == [
        "language-configuration.json",
        "package.json",
        "syntaxes",
    ]


@pytest.mark.parametrize("what", ["editor", "manual"])
def test_a_folder_that_cannot_be_made_is_a_fault_of_the_command(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").touch()
    assert exported(what, str(tmp_path / "file" / "below")) == 2
    assert "cannot write" in capsys.readouterr().err
