"""Where models compute; a GPU is stood in for by the device `meta`, on which tensors have shapes alone."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from pipelines import SPEC

from lehr.cli.door import lehr
from lehr.compiler.plan.model import AdamW
from lehr.runtime.engine.device import chosen
from lehr.runtime.errors import Refusal
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.optim.average import Average
from lehr.runtime.parts.optim.optimizer import load_state, optimizer_for, state_tensors

META = torch.device("meta")


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    assert chosen() == "cpu"
    gpus(monkeypatch, 2)
    assert (chosen(), chosen("cpu"), chosen("cuda:1")) == ("cuda", "cpu", "cuda:1")


@pytest.mark.parametrize(("name", "count"), [("cuda", 0), ("cuda:1", 1)])
def test_a_device_that_is_not_there_is_refused(
    name: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(monkeypatch, count)
    with pytest.raises(Refusal) as caught:
        chosen(name)
    assert caught.value.code == "RUN161"
    assert f"`{name}`" in caught.value.headline


def test_a_batch_goes_with_all_that_is_beside_it() -> None:
    ids = torch.zeros(2, 3, dtype=torch.int64)
    batch = Batch(ids, ids, ids, (torch.zeros(2, 5),)).to(META)
    assert {tensor.device for tensor in (batch.tokens_BT, batch.labels_BT, *batch.beside)} == {META}


def test_what_a_checkpoint_holds_comes_back_beside_the_model() -> None:
    model = torch.nn.Linear(3, 2, bias=False)
    settings = AdamW(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0)
    optimizer = optimizer_for(model, settings)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    average = Average()
    average.add(model)
    kept, mean = state_tensors(optimizer, model), average.tensors()

    model.to(META)
    again, other = optimizer_for(model, settings), Average()
    load_state(again, model, kept)
    other.load(mean, META)
    assert {moment.device for moment in again.state[model.weight].values()} == {META}
    assert {name: tensor.device for name, tensor in other.tensors().items()}["weight"] == META


@pytest.mark.parametrize(
    ("name", "said"), [("cuda:99", "RUN161"), ("gpu", "write cpu, cuda, or cuda:1"), ("cpu:1", "no device")]
)
def test_the_command_refuses_it_before_anything_starts(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.lehr").write_text(SPEC)
    found = CliRunner().invoke(lehr, ["run", "tiny.lehr", "--device", name])
    assert (found.exit_code, said in found.output) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.lehr"]
