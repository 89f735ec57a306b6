"""Saved states: the newest sound one is gone on from, and a corrupt one is named."""

import signal
from pathlib import Path

import pytest
import torch
from errands import forked

from lehr.runtime.store.checkpoints import CheckpointFolder

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

META = {"position": 12, "losses": [1.5, 2.0], "word": "näh"}


def state(step: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return {"a": torch.randn(3, 4, generator=generator).t(), "b": torch.tensor(step)}


@pytest.fixture
def corrupt() -> list[Path]:
    return []


@pytest.fixture
def folder(tmp_path: Path, corrupt: list[Path]) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "run/checkpoints/f", 2, corrupt.append)


def save(folder: CheckpointFolder, *steps: int) -> None:
    for step in steps:
        folder.save(step, state(step), META | {"step": step})


def newest(folder: CheckpointFolder) -> int | None:
    """The step of the newest sound state, once it has proved equal to what was saved."""
    found = folder.latest()
    if found is None:
        return None
    step, tensors, meta = found
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        name: tensor.tolist() for name, tensor in state(step).items()
    }
    assert meta == META | {"step": step}
    return step


def inside(folder: CheckpointFolder) -> list[str]:
    return sorted(path.name for path in folder.folder.iterdir())


def test_nothing_saved_is_none(folder: CheckpointFolder):
    assert newest(folder) is None


def test_what_is_loaded_is_what_was_saved_last(folder: CheckpointFolder):
    save(folder, 10, 20)
    assert newest(folder) == 20
    assert sorted(path.name for path in (folder.folder / "step-00000020").iterdir()) == [
        "manifest.json",
        "meta.json",
        "state.safetensors",
    ]


def test_only_the_newest_are_kept_by_their_numbers(folder: CheckpointFolder):
    save(folder, 99_999_999, 100_000_000, 100_000_001)
    assert inside(folder) == ["step-100000000", "step-100000001"]
    assert newest(folder) == 100_000_001


def test_cleared_there_is_none(folder: CheckpointFolder):
    save(folder, 10)
    folder.clear()
    folder.clear()
    assert (newest(folder), folder.folder.exists()) == (None, False)


@pytest.mark.parametrize("name", ["state.safetensors", "meta.json", "manifest.json"])
@pytest.mark.parametrize("deed", ["flip", "cut", "remove"])
def test_a_corrupt_state_is_named_and_the_older_one_used(
    folder: CheckpointFolder, corrupt: list[Path], name: str, deed: str
):
    save(folder, 10, 20)
    path = folder.folder / "step-00000020" / name
    content = bytearray(path.read_bytes())
    if deed == "flip":
        content[len(content) // 2] ^= 0x80
        path.write_bytes(content)
    elif deed == "cut":
        path.write_bytes(content[:-9])
    else:
        path.unlink()
    assert newest(folder) == 10
    assert corrupt == [path]
    save(folder, 20)
    assert (newest(folder), inside(folder)) == (20, ["step-00000010", "step-00000020"])


def test_all_corrupt_is_none_and_each_is_named(folder: CheckpointFolder, corrupt: list[Path]):
    save(folder, 10, 20)
    for path in folder.folder.glob("*/meta.json"):
        path.write_text("{}")
    assert newest(folder) is None
    assert [path.parent.name for path in corrupt] == ["step-00000020", "step-00000010"]


def test_a_state_under_another_ones_name_is_not_taken_for_it(folder: CheckpointFolder, corrupt: list[Path]):
    save(folder, 10)
    (folder.folder / "step-00000010").rename(folder.folder / "step-00000030")
    assert newest(folder) is None
    assert [path.name for path in corrupt] == ["manifest.json"]


@pytest.mark.parametrize("point", ["checkpoint", "manifest", "before-checkpoint-rename"])
@pytest.mark.parametrize(("fault", "code"), [("kill", -signal.SIGKILL), ("enospc", 70)])
def test_a_save_that_is_cut_off_leaves_the_older_state(
    folder: CheckpointFolder,
    corrupt: list[Path],
    point: str,
    fault: str,
    code: int,
    capfd: pytest.CaptureFixture[str],
):
    save(folder, 10)
    assert forked(lambda: save(folder, 20), LEHR_FAULT=f"{point}={fault}") == code
    assert (newest(folder), corrupt) == (10, [])
    save(folder, 20)
    assert (newest(folder), inside(folder)) == (20, ["step-00000010", "step-00000020"])


def test_meta_that_json_cannot_hold_leaves_nothing(folder: CheckpointFolder):
    save(folder, 10)
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.save(20, state(20), {"loss": float("nan")})
    assert (inside(folder), newest(folder)) == (["step-00000010"], 10)
