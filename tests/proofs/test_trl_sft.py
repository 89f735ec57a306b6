"""The loss of `sft` and its gradient beside TRL's `SFTTrainer`, on the same conversations in fp32: within 1e-5."""

from pathlib import Path

import pytest
import torch
from beside_trl import computed, fetched
from preferring import policy, words

from lehr.compiler.plan.model import Phase
from lehr.runtime.parts.chat.feed import packed
from lehr.runtime.parts.chat.learnt import marked, unmarked
from lehr.runtime.parts.chat.rows import Turn
from lehr.runtime.parts.chat.template import ChatTemplate
from lehr.runtime.parts.data.feed import IGNORED
from lehr.runtime.parts.data.vocabulary import Vocabulary
from lehr.runtime.parts.huggingface.folder import export
from lehr.runtime.parts.loss.answers import answers
from lehr.runtime.parts.model.files import load

pytestmark = pytest.mark.proof

SAID = [
    ("last of q w e", "e"),
    ("first of a b", "a", "and the last?", "b"),
    ("sort c b a", "a b c"),
    ("count q q q q q q q", "7"),
]


def test_loss_and_gradient_are_those_of_trl(tmp_path: Path):
    words(tmp_path / "words")
    policy(tmp_path / "ours", 1)
    (tmp_path / "model").mkdir()
    export(load(tmp_path / "ours"), [], tmp_path / "words", tmp_path / "model")
    chat = ChatTemplate.of(None, Vocabulary.open(tmp_path / "words")).teaches()
    roles = ("user", "assistant") * 2
    found = [chat.encode([Turn(*turn) for turn in zip(roles, said, strict=False)]) for said in SAID]
    rows = [
        {
            "input_ids": one.ids,
            "labels": [
                token if mask else IGNORED for token, mask in zip(one.ids, one.supervised, strict=True)
            ],
        }
        for one in found
    ]
    case = {"name": "sft", "trainer": "sft", "model": "model", "rows": rows}
    theirs = computed(tmp_path, fetched(tmp_path / "peer"), [case | {"settings": {}}])["sft"]

    model = load(tmp_path / "ours")
    batch = unmarked(packed([torch.tensor(marked(one)) for one in found], 65))
    phase = Phase(steps=1, context=64, sequences=4, rope=None, shares={})
    loss = answers(model, batch, phase) / (batch.labels_BT != IGNORED).sum()
    loss.backward()
    assert loss.item() == pytest.approx(theirs["loss"].item(), rel=1e-5)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        torch.testing.assert_close(parameter.grad, theirs[name], rtol=1e-5, atol=1e-5, msg=name)
