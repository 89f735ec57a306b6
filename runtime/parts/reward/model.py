"""A judge: a decoder with a head that says in one number how good an answer is, and what may grade it beside.

The head reads the normed stream at the last token of a conversation, in fp32 whatever the decoder computes in.
Its tensors lie in the model's own file, so that merges carry them and whoever wants the decoder alone has it.
B rows, T positions, D width, N answers, G things that are graded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ....compiler.plan.model import Arch
from ..model.decoder import Decoder
from ..model.files import SHAPE, WEIGHTS
from ..model.headers import header
from ..model.weights import fill
from ..seeds import seed

GRADED = ("instruction", "verbosity", "truthfulness", "harmlessness")
"""What an answer is graded for by itself (AFM, arXiv:2407.21075, appendix)."""
GRADES = 3
"""Grades of each, the worst first."""
_SCORE, _GRADES = "score.weight", "grades."
_TOKENS = 1 << 14  # of a batch at most, padding included
_STD = 0.02


class RewardModel(Decoder):
    """A decoder that scores whole conversations; `graded` gives it a head of two layers for each of `GRADED`."""

    def __init__(self, arch: Arch, graded: bool = False) -> None:
        super().__init__(arch)
        self.score = nn.Linear(arch.width, 1, bias=False)
        heads = {name: _grader(arch.width) for name in GRADED} if graded else {}
        self.grades = nn.ModuleDict(heads)

    @classmethod
    def load(cls, folder: Path) -> RewardModel:
        """The judge in a folder; a letter where there is a model without a head."""
        model, _ = cls._opened(folder, graded=False)
        fill(model, folder, ("F32",))
        return model

    @classmethod
    def begun(cls, folder: Path, graded: bool, rng: int) -> RewardModel:
        """A judge to be trained: the model in a folder, with the heads that it has and new ones where it has none.

        A new head scores everything 0, so that what a judge begins with is no opinion.
        """
        model, held = cls._opened(folder, graded)
        for name, parameter in model.named_parameters():
            if name not in held and name.startswith((_SCORE, _GRADES)):
                nn.init.zeros_(parameter)
                if name.endswith("0.weight"):  # the first layer of a grader
                    source = torch.Generator().manual_seed(seed(rng, "init", name))
                    nn.init.normal_(parameter, 0.0, _STD, generator=source)
        fill(model, folder, ("F32",), heads=False)
        return model

    @classmethod
    def _opened(cls, folder: Path, graded: bool) -> tuple[RewardModel, frozenset[str]]:
        held = frozenset(header(folder / WEIGHTS))
        graded = graded or any(name.startswith(_GRADES) for name in held)
        arch = Arch.model_validate_json((folder / SHAPE).read_bytes())
        with torch.device("meta"):
            model = cls(arch, graded)
        return model.to_empty(device="cpu"), held

    def judged(self, last_ND: Tensor) -> Tensor:
        """Scores [N] of what stands at the last tokens, in fp32 or wider."""
        with torch.autocast(last_ND.device.type, enabled=False):
            return self.score(_wide(last_ND, self.score.weight))[:, 0]

    def graded(self, last_ND: Tensor) -> Tensor:
        """Logits [N, G, grades] of every grade, in fp32 or wider."""
        with torch.autocast(last_ND.device.type, enabled=False):
            wide_ND = _wide(last_ND, self.score.weight)
            return torch.stack([self.grades[name](wide_ND) for name in GRADED], 1)

    @torch.no_grad()
    def scores(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """The score of every conversation, given whole as token ids with its last turn's end: [N] on the CPU.

        The longest come first, so that rows of a batch are of nearly one length; the order changes no result.
        """
        order = sorted(range(len(rows)), key=lambda at: -len(rows[at]))
        found_N = torch.zeros(len(rows))
        while order:
            together = order[: max(1, _TOKENS // max(1, len(rows[order[0]])))]
            found_N[together] = self._scored([rows[at] for at in together]).float().cpu()
            order = order[len(together) :]
        return found_N

    def _scored(self, rows: Sequence[Sequence[int]]) -> Tensor:
        shape = len(rows), max(map(len, rows))
        tokens_BT, documents_BT = torch.zeros(shape, dtype=torch.int64), torch.full(shape, -1)
        for row, ids in enumerate(rows):
            tokens_BT[row, : len(ids)] = torch.tensor(ids)
            documents_BT[row, : len(ids)] = row
        hidden_BTD = self.hidden(tokens_BT, documents_BT, None)
        last_B = torch.tensor([len(ids) - 1 for ids in rows], device=hidden_BTD.device)
        return self.judged(hidden_BTD[torch.arange(len(rows), device=hidden_BTD.device), last_B])


def _grader(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, GRADES))


def _wide(tensor: Tensor, weight: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(weight.dtype, torch.float32))
