"""The `merge` stage: what it writes, what it reads alike, and what it refuses."""

import json
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from merging import ARCH, change, give, merged, tensors, work
from safetensors.torch import load_file, save_file

from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.data.vocabulary import fingerprint, train
from lehr.runtime.parts.merging import sources
from lehr.runtime.parts.model import history
from lehr.runtime.parts.model.files import load
from lehr.runtime.parts.model.stream import write_stream
from lehr.runtime.stages import merge


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return give(tmp_path / "base")


@pytest.fixture
def two(tmp_path: Path, base: Path) -> list[Path]:
    return [give(tmp_path / name, rng=rng, like=base) for rng, name in enumerate(("first", "second"), 2)]


def refused(code: str, to: Path, of: list[Path], **inputs: Path) -> StageError:
    with pytest.raises(StageError) as caught:
        merged(to, of, work("linear", len(of)), **inputs)
    assert caught.value.code == code
    return caught.value


# ---- what it writes -------------------------------------------------------------------


def test_the_file_is_the_one_that_safetensors_would_write(tmp_path: Path, two: list[Path]):
    merged(tmp_path / "out", two, work("linear", 2))
    path = tmp_path / "out" / "model.safetensors"
    save_file(load_file(path), tmp_path / "again.safetensors", metadata={"format": "pt"})
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_names_of_any_alphabet_and_empty_tensors_are_written(tmp_path: Path):
    shapes = {"β": (2, 2), "a": (), "none": (0, 3)}
    write_stream(tmp_path / "s", shapes, [torch.arange(3.0), torch.arange(3.0, 5.0)])
    found = load_file(tmp_path / "s")
    assert {name: tuple(one.shape) for name, one in found.items()} == shapes
    assert (found["a"].item(), found["β"].tolist()) == (0.0, [[1.0, 2.0], [3.0, 4.0]])


def test_a_merged_model_opens_and_has_the_longest_past(tmp_path: Path, two: list[Path]):
    history.write(two[0], [{"kind": "train", "tokens": 100}])
    history.write(two[1], [{"kind": "train", "tokens": 300}, {"kind": "train", "tokens": 30}])
    _, facts = merged(tmp_path / "out", two, work("linear", 2))
    assert load(tmp_path / "out").params == facts["params"]
    assert history.read(tmp_path / "out") == [
        {"kind": "train", "tokens": 300},
        {"kind": "train", "tokens": 30},
        {"kind": "merge", "method": "linear", "models": 2},
    ]


def test_experts_and_untied_embeddings_are_merged(tmp_path: Path):
    from families import FAMILIES

    arch = FAMILIES["qwen2_moe"]
    parts = [give(tmp_path / str(rng), arch, rng) for rng in (1, 2)]
    found, _ = merged(tmp_path / "out", parts, work("linear", 2))
    one, other = map(tensors, parts)
    name = next(name for name in found if ".experts.1." in name)
    torch.testing.assert_close(found[name], (one[name] + other[name]) / 2, rtol=1e-6, atol=1e-8)
    load(tmp_path / "out")


def test_a_judge_s_head_is_merged_with_the_rest(tmp_path: Path, two: list[Path]):
    """What WARM averages: reward models, whose heads the shape does not know."""
    for folder, value in zip(two, (1.0, 3.0), strict=True):
        save_file(
            load_file(folder / "model.safetensors") | {"score.weight": torch.full((1, 8), value)},
            folder / "model.safetensors",
        )
    found, _ = merged(tmp_path / "out", two, work("linear", 2))
    assert found["score.weight"].tolist() == [[2.0] * 8]


def test_more_than_ten_models_stay_in_order(tmp_path: Path, base: Path):
    parts = [give(tmp_path / str(rng), rng=rng, like=base) for rng in range(12)]
    weights = tuple(Fraction(place + 1, 78) for place in range(12))
    found, _ = merged(tmp_path / "out", parts, work("linear", 12, weights=weights))
    name = "model.norm.weight"
    wanted = sum(float(weight) * tensors(part)[name] for weight, part in zip(weights, parts, strict=True))
    torch.testing.assert_close(found[name], wanted, rtol=1e-6, atol=1e-8)


def test_who_asks_to_stop_is_heard(tmp_path: Path, two: list[Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(merge, "fault_point", lambda name: setattr(room, "stopping", True))
    room = SimpleNamespace(stopping=False, say=lambda event, **facts: None)
    step = SimpleNamespace(address="blend")
    every = merge._every(step, room, ["one", "two"], lambda name: iter([torch.ones(1)]))
    assert next(every).tolist() == [1.0]
    with pytest.raises(Interrupted):
        next(every)


# ---- bad input -------------------------------------------------------------------------


def test_another_vocabulary(tmp_path: Path, two: list[Path]):
    wide = give(tmp_path / "wide", ARCH.model_copy(update={"vocab": 60}))
    found = refused("RUN180", tmp_path / "out", [two[0], wide])
    assert found.notes == ("vocab: 50 in `first`, 60 in `wide`",)


def test_unlike_shapes(tmp_path: Path, two: list[Path]):
    deep = give(tmp_path / "deep", ARCH.model_copy(update={"layers": 3, "qk_norm": "head"}))
    found = refused("RUN180", tmp_path / "out", [two[0], deep])
    assert "layers: 2 in `first`, 3 in `deep`" in found.notes


def test_another_base_of_the_rotation_is_no_other_shape(tmp_path: Path, two: list[Path]):
    far = give(tmp_path / "far", ARCH.model_copy(update={"rope": 5e5}), like=two[0])
    merged(tmp_path / "out", [two[0], far], work("linear", 2))
    assert load(tmp_path / "out").arch.rope == ARCH.rope


def test_another_tokenizer_of_the_same_size(tmp_path: Path, two: list[Path]):
    words = {"one": "red green blue", "other": "uno due tre", "same": "red green blue"}
    for name, text in words.items():
        (tmp_path / name).mkdir()
        train([text], vocab=260, specials=["<|end|>"], split_digits=True).save(
            str(tmp_path / name / "tokenizer.json"), pretty=name == "same"
        )
    one, other, same = (tmp_path / name for name in words)
    assert fingerprint(one) == fingerprint(same)
    assert (one / "tokenizer.json").read_bytes() != (same / "tokenizer.json").read_bytes()
    merged(tmp_path / "fine", two, work("linear", 2), tokenizer_0=one, tokenizer_1=same)
    found = refused("RUN181", tmp_path / "out", two, tokenizer_0=one, tokenizer_1=other)
    assert found.headline.startswith("`second` cannot be merged with `first`")


def test_a_tensor_that_is_missing(tmp_path: Path, two: list[Path]):
    change(two[1], lambda name, tensor: None if name == "model.norm.weight" else tensor)
    found = refused("RUN109", tmp_path / "out", two)
    assert found.headline.startswith("`second` does not hold the tensors")
    assert found.notes == ("model.norm.weight: wanted [8], not there",)


def test_a_tensor_of_another_shape(tmp_path: Path, two: list[Path]):
    change(two[0], lambda name, tensor: tensor[:-1] if name == "model.norm.weight" else tensor)
    assert refused("RUN109", tmp_path / "out", two).notes == ("model.norm.weight: wanted [8], found [7]",)


@pytest.mark.parametrize("method", ["linear", "ema", "slerp", "ties", "dare"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none(method: str, value: float, tmp_path: Path, base: Path, two: list[Path]):
    def spoil(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if name == "model.layers.1.mlp.up_proj.weight":
            tensor[3, 2] = value
        return tensor

    change(two[1], spoil)
    settings = {"rate": 0.1} if method == "ema" else {"density": Fraction(1, 2)}
    with pytest.raises(StageError) as caught:
        merged(tmp_path / "out", two, work(method, 2, **settings), None if method == "ema" else base)
    assert caught.value.code == "RUN125"
    assert caught.value.headline.startswith("`second`: `model.layers.1.mlp.up_proj.weight`")


def test_large_numbers_are_numbers(tmp_path: Path, two: list[Path]):
    """A sum of them overflows; they do not."""
    change(two[1], lambda name, tensor: torch.full_like(tensor, 3e38))
    found, _ = merged(tmp_path / "out", two, work("linear", 2))
    assert all(tensor.isfinite().all() for tensor in found.values())


def cut_off(content: bytes) -> bytes:
    return content[:-5]


def boasting(content: bytes) -> bytes:
    """A header that says it takes ten gigabytes."""
    return struct.pack("<Q", 10 * 10**9) + content[8:]


def overlong(content: bytes) -> bytes:
    """A tensor that says it takes ten gigabytes."""
    length = struct.unpack("<Q", content[:8])[0]
    told = json.loads(content[8 : 8 + length])
    told["model.norm.weight"]["data_offsets"][1] += 10 * 10**9
    text = json.dumps(told).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


@pytest.mark.parametrize("how", [cut_off, boasting, overlong])
def test_a_damaged_file(how: Callable[[bytes], bytes], tmp_path: Path, two: list[Path]):
    path = two[1] / "model.safetensors"
    path.write_bytes(how(path.read_bytes()))
    assert str(path) in refused("RUN124", tmp_path / "out", two).headline


def test_a_file_that_shrinks_while_it_is_read(
    tmp_path: Path, two: list[Path], monkeypatch: pytest.MonkeyPatch
):
    path = two[1] / "model.safetensors"
    opened = sources.opened

    def shrunk(folders: list[tuple[str, Path]]) -> list[sources.Source]:
        found = opened(folders)
        path.write_bytes(path.read_bytes()[:-5])
        return found

    monkeypatch.setattr(merge, "opened", shrunk)
    assert "ends within a tensor" in refused("RUN124", tmp_path / "out", two).headline
