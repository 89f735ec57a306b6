"""A judge's file: the decoder with heads beside it, which merges carry and others pass over."""

from pathlib import Path

import pytest
import torch
from families import FAMILIES
from merging import merged, work
from safetensors.torch import load_file

from lehr.runtime.errors import StageError
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load, save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.reward.model import RewardModel

ARCH = FAMILIES["qwen2"]
ROWS = [[1, 5, 9, 4], [7], [3, 3, 8, 2, 2, 6, 1], [5, 9]]


def policy(folder: Path, rng: int = 1) -> Path:
    model = Decoder.empty(ARCH)
    initialise(model, 0.2, rng)
    folder.mkdir()
    save(model, folder)
    return folder


def judge(folder: Path, rng: int = 1, graded: bool = False) -> Path:
    model = RewardModel.begun(policy(folder / "before", rng), graded, rng)
    torch.nn.init.normal_(model.score.weight, generator=torch.Generator().manual_seed(rng))
    save(model, folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "judge").mkdir()
    return judge(tmp_path / "judge")


def test_a_new_head_has_no_opinion(tmp_path: Path):
    model = RewardModel.begun(policy(tmp_path / "policy"), True, 3)
    assert model.scores(ROWS).tolist() == [0.0] * 4
    assert not model.graded(torch.ones(2, ARCH.width)).any()


def test_a_score_is_the_heads_product_with_the_stream_at_the_last_token(folder: Path):
    model = RewardModel.load(folder).double()
    for row, score in zip(ROWS, model.scores(ROWS).tolist(), strict=True):
        ids = torch.tensor([row])
        last_D = model.hidden(ids, torch.zeros_like(ids), None)[0, -1]
        assert score == pytest.approx((last_D @ model.score.weight[0]).item(), rel=1e-5)


def test_a_score_does_not_depend_on_the_others(folder: Path):
    model = RewardModel.load(folder)
    alone = [float(model.scores([row])[0]) for row in ROWS]
    assert model.scores(ROWS).tolist() == pytest.approx(alone, rel=1e-5)


def test_a_judge_goes_on_with_the_heads_that_it_has(folder: Path):
    before, after = RewardModel.load(folder), RewardModel.begun(folder, True, 1)
    torch.testing.assert_close(after.score.weight, before.score.weight, rtol=0, atol=0)
    assert after.grades


def test_others_see_the_decoder_alone(folder: Path):
    model = load(folder)
    assert type(model) is Decoder
    torch.testing.assert_close(
        model.model.norm.weight, RewardModel.load(folder).model.norm.weight, rtol=0, atol=0
    )


def test_a_model_without_a_head_is_no_judge(tmp_path: Path):
    with pytest.raises(StageError, match="does not hold the tensors") as found:
        RewardModel.load(policy(tmp_path / "policy"))
    assert "score.weight" in found.value.notes[0]


def test_a_merge_carries_the_head(tmp_path: Path):
    """Averaged judges are one judge (WARM)."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    of = [judge(tmp_path / "one", 1, graded=True), judge(tmp_path / "other", 2, graded=True)]
    found, _ = merged(tmp_path / "merged", of, work("linear", 2))
    parts = [load_file(one / "model.safetensors") for one in of]
    for name in ("score.weight", "grades.verbosity.2.bias"):
        torch.testing.assert_close(
            found[name], (parts[0][name] + parts[1][name]).double() / 2, rtol=1e-6, atol=1e-7
        )
