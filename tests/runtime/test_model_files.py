"""Models on disk: what is written is read back, and what does not fit is named before it is used."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lehr.compiler.plan.model import Arch
from lehr.runtime.errors import StageError
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load, save
from lehr.runtime.parts.model.initial import initialise

ARCH = Arch(
    layers=1,
    width=8,
    heads=2,
    kv_heads=1,
    head_dim=4,
    ffn=12,
    vocab=20,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)


@pytest.fixture
def model(tmp_path: Path) -> Decoder:
    made = Decoder(ARCH)
    initialise(made, 0.1, 1)
    save(made, tmp_path)
    return made


def test_a_model_comes_back_as_it_was(tmp_path: Path, model: Decoder) -> None:
    back = load(tmp_path)
    assert back.arch == model.arch
    for (name, ours), (other, theirs) in zip(model.named_parameters(), back.named_parameters(), strict=True):
        assert name == other
        assert torch.equal(ours, theirs)
        assert theirs.requires_grad


def test_the_same_model_is_the_same_bytes(tmp_path: Path, model: Decoder) -> None:
    (tmp_path / "again").mkdir()
    save(load(tmp_path), tmp_path / "again")
    for name in ("model.safetensors", "arch.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_others_find_the_tensors_under_their_names(tmp_path: Path, model: Decoder) -> None:
    assert sorted(load_file(tmp_path / "model.safetensors")) == sorted(dict(model.named_parameters()))
    assert json.loads((tmp_path / "arch.json").read_text())["kv_heads"] == 1


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"ffn": 16}, "model.layers.0.mlp.down_proj.weight: wanted [8, 16], found [8, 12]"),
        ({"tied": False}, "lm_head.weight: wanted [20, 8], not there"),
        ({"layers": 2}, "model.layers.1.input_layernorm.weight: wanted [8], not there"),
    ],
)
def test_tensors_that_do_not_fit_the_shape_are_named(
    tmp_path: Path, model: Decoder, change: dict[str, Any], note: str
) -> None:
    (tmp_path / "arch.json").write_text(ARCH.model_copy(update=change).model_dump_json())
    with pytest.raises(StageError) as refused:
        load(tmp_path)
    assert (refused.value.code, refused.value.name) == ("RUN109", "tensors-differ")
    assert note in refused.value.notes


def test_a_tensor_of_another_kind_of_number_is_named(tmp_path: Path, model: Decoder) -> None:
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].half()
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(StageError) as refused:
        load(tmp_path)
    assert refused.value.notes == ("model.norm.weight: found F16, where F32 can be read",)
