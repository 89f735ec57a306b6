"""What TRL's trainers compute of rows, for the tests of parity; it runs in TRL's own environment.

    python peer_trl.py FOLDER

reads in a folder `cases.json`, a list of cases, each with its `name`, its `trainer`, the `model` (and `reference`) as
Hugging Face folders beside it, the trainer's `settings`, and its `rows` as ids.  Of each case it writes
`theirs-NAME.safetensors`: the loss in `loss`, gradients by the names of parameters, and log-probabilities as metrics.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

SHARED = {
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "disable_dropout": True,
    "remove_unused_columns": False,
    "max_length": None,
}


def ready(kind: type) -> type:
    """The trainer, for rows that are ids already."""
    return type(kind.__name__, (kind,), {"_prepare_dataset": lambda self, dataset, *args, **kwargs: dataset})


def trainer(folder: Path, case: dict[str, Any]) -> Any:
    rows, settings = (
        Dataset.from_list(case["rows"]),
        SHARED | case["settings"] | {"output_dir": str(folder / "out")},
    )
    tokenizer = AutoTokenizer.from_pretrained(folder / case["model"])
    # A score is read at the last token that is no padding, so padding must not be what ends an answer.
    tokenizer.pad_token = tokenizer.bos_token
    shared = {"train_dataset": rows, "processing_class": tokenizer}
    match case["trainer"]:
        case "dpo":
            model, reference = (
                AutoModelForCausalLM.from_pretrained(folder / case[one], dtype=torch.float32)
                for one in ("model", "reference")
            )
            return ready(DPOTrainer)(model, reference, args=DPOConfig(**settings), **shared)
        case "reward":
            model = AutoModelForSequenceClassification.from_pretrained(
                folder / case["model"], num_labels=1, dtype=torch.float32
            )
            return ready(RewardTrainer)(model, args=RewardConfig(**settings), **shared)
        case "sft":
            del settings["disable_dropout"]
            model = AutoModelForCausalLM.from_pretrained(folder / case["model"], dtype=torch.float32)
            return ready(SFTTrainer)(model, args=SFTConfig(**settings), **shared)
        case other:
            raise ValueError(f"no case knows the trainer {other}")


def main() -> None:
    folder = Path(sys.argv[1])
    for case in json.loads((folder / "cases.json").read_text()):
        one = trainer(folder, case)
        batch, model = one.data_collator(case["rows"]), one.model.train()
        loss = one.compute_loss(model, batch)
        loss.backward()
        found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        found["loss"] = loss.detach().reshape(1)
        found |= {
            name: torch.tensor(values)
            for name, values in one._metrics["train"].items()
            if name.startswith("logps")
        }
        whole = {name: tensor.contiguous() for name, tensor in found.items()}
        save_file(whole, folder / f"theirs-{case['name']}.safetensors")


if __name__ == "__main__":
    main()
