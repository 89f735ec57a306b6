"""What is handed to others, and what is said when it cannot be written."""

import json
from pathlib import Path

import pytest
from families import FAMILIES

from lehr.cli import main
from lehr.runtime.parts.data.vocabulary import BEGIN, END, train
from lehr.runtime.parts.model import history
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import save
from lehr.runtime.parts.model.initial import initialise


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


# ---- models ----------------------------------------------------------------------------


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of a Gemma 2 of ours."""
    folder = tmp_path / "release"
    folder.mkdir()
    train(["some words of text"] * 9, vocab=280, specials=(BEGIN, END), split_digits=True).save(
        str(folder / "tokenizer.json")
    )
    model = Decoder.empty(FAMILIES["gemma2"].model_copy(update={"vocab": 300}))
    initialise(model, 0.02, 1)
    save(model, folder)
    history.write(folder, [{"kind": "train", "steps": 3, "tokens": 96, "context": 32, "drawn": {"web": 96}}])
    return folder


def test_a_release_becomes_a_folder_whose_shape_can_be_printed(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert exported("hf", str(release), str(tmp_path / "Gemma-2")) == 0
    assert (tmp_path / "Gemma-2" / "README.md").is_file()
    capsys.readouterr()
    assert exported("arch", str(tmp_path / "Gemma-2")) == 0
    said = capsys.readouterr().out
    assert said.startswith("lehr 1\n\narch gemma_2 {\n")
    assert "softcap { attention = 5;  final = 3 }" in said


def test_a_folder_that_is_there_is_not_written_into(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert exported("hf", str(release), str(tmp_path)) == 2
    assert "is there already" in capsys.readouterr().err


def test_what_is_no_release_is_a_fault_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert exported("hf", str(tmp_path), str(tmp_path / "new")) == 2
    assert "is no release" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_model_without_a_class_leaves_nothing_behind(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shape = json.loads((release / "arch.json").read_bytes())
    (release / "arch.json").write_text(json.dumps(shape | {"query_scale": 0.3}))
    assert exported("hf", str(release), str(tmp_path / "new")) == 5
    assert "RUN126" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["release"]


def test_the_shape_of_no_folder_is_a_letter(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert exported("arch", str(tmp_path / "nowhere")) == 5
    assert "RUN120" in capsys.readouterr().err
