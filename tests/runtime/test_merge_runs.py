"""Merges in a run of their own: killed, gone on with, measured; and WARP's weights, put together of blocks."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from merging import ARCH, give
from pipelines import entries, go
from safetensors.torch import load_file
from torch import Tensor

from lehr.runtime.parts.data.vocabulary import train
from lehr.runtime.parts.huggingface.written import config

SPEC = """\
lehr 1
pipeline tiny { rng = 7 }
corpus skills { source = builtin("skills") }
tokenizer words { from = [skills];  vocab = 384;  sample = 50kB }
arch small { layers = 1;  width = 16;  heads = 2;  kv_heads = 1;  ffn = 24;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words;  std = 0.06 }
bench reads { suite = perplexity(skills, sequences: 2);  context = 16 context }
"""
WARP = """\
repeat warp for lap in 1..2 carry start = newborn {
  each run for seed in [1, 2, 3] {
    train policy {
      from = start;  data = skills;  steps = 2;  context = 16 context;  batch = 32 tokens;  lr = 1e-2;  rng = seed
    }
  }
  merge peak { of = run[*].policy;  method = slerp;  base = start }
  merge back { of = [start, peak];  weights = [70%, 30%] }
  next start = back
}
eval marks { of = [newborn, warp.start];  benches = [reads] }
release best { model = warp.start }
"""


def artifact(folder: Path, address: str) -> dict[str, Tensor]:
    found = entries(folder)[address]
    return {
        name: one.double()
        for name, one in load_file(
            folder / "runs/artifacts" / found["fingerprint"] / "model.safetensors"
        ).items()
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warp")
    (folder / "tiny.lehr").write_text(SPEC + WARP)
    found = go(folder, "run", "tiny.lehr")
    assert found.returncode == 0, found.stderr
    return folder


def test_warp_is_put_together_of_blocks(done: Path):
    """theta_slerp = theta_init + slerp of what three policies learnt, layer by layer; then a step back."""
    start, peak, back = (artifact(done, name) for name in ("newborn", "warp[1].peak", "warp[1].back"))
    policies = [artifact(done, f"warp[1].run[{place}].policy") for place in (1, 2, 3)]
    layer = [name for name in start if name.startswith("model.layers.0.")]
    first, second, third = (torch.cat([(one[n] - start[n]).flatten() for n in layer]) for one in policies)
    mean = between(between(first, second, 1 / 2), third, 1 / 3)
    found = torch.cat([(peak[n] - start[n]).flatten() for n in layer])
    torch.testing.assert_close(found, mean, rtol=1e-4, atol=1e-7)
    for name in start:
        wanted = start[name] + 0.3 * (peak[name] - start[name])
        torch.testing.assert_close(back[name], wanted, rtol=1e-6, atol=1e-8)


def between(one: Tensor, other: Tensor, part: float) -> Tensor:
    angle = torch.acos(one @ other / one.norm() / other.norm())
    return (torch.sin((1 - part) * angle) * one + torch.sin(part * angle) * other) / torch.sin(angle)


def test_a_merged_model_is_trained_on_measured_and_released(done: Path):
    found = entries(done)
    assert found["warp[2].back"]["facts"]["models"] == 2
    assert set(found["warp[2].peak"]["facts"]["cosine"]) == {"least", "mean", "most"}
    assert found["marks(warp[2].back)"]["facts"]["scores"]["reads"]["perplexity"] > 1
    assert (done / "runs/tiny/full/release/best/model.safetensors").is_file()


def test_a_merge_that_is_killed_leaves_nothing_half(done: Path, tmp_path: Path):
    """And is the same when it was made anew."""
    folder = tmp_path / "killed"
    shutil.copytree(done, folder)
    peak = entries(done)["warp[2].peak"]["fingerprint"]
    shutil.rmtree(folder / "runs/artifacts" / peak)
    assert go(folder, "run", "tiny.lehr", LEHR_FAULT="merge=kill@4").returncode == -signal.SIGKILL
    assert not (folder / "runs/artifacts" / peak).exists()
    found = go(folder, "resume")
    assert found.returncode == 0, found.stderr
    assert not list((folder / "runs").rglob(".lehr-tmp-*"))
    one, other = (place / "runs/artifacts" / peak / "model.safetensors" for place in (done, folder))
    assert one.read_bytes() == other.read_bytes()


LOADED = """\
lehr 1
pipeline tiny { rng = 7 }
load one { path = "one" }
load other { path = "other" }
merge blend { of = [one, other] }
release best { model = blend }
"""


def test_loaded_models_that_read_otherwise_are_not_merged(tmp_path: Path):
    """Their tokenizers are as large, and only a run sees that they are two."""
    for rng, (name, words) in enumerate({"one": "red green blue", "other": "uno due tre"}.items()):
        folder = give(tmp_path / name, ARCH.model_copy(update={"vocab": 260}), rng)
        (folder / "config.json").write_text(
            json.dumps(config(ARCH.model_copy(update={"vocab": 260}), 64, None, None))
        )
        train([words], vocab=260, specials=["<|end|>"], split_digits=True).save(
            str(folder / "tokenizer.json")
        )
    (tmp_path / "tiny.lehr").write_text(LOADED)
    found = go(tmp_path, "run", "tiny.lehr")
    assert found.returncode == 5, found.stderr
    assert "RUN181" in found.stderr
