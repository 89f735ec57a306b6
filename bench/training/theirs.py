"""The same training by Hugging Face's Trainer, by a bare loop over its Llama, and by a bare loop over litgpt's model.

The bare loops have what ours has: fused AdamW, a clipped gradient, the loss read at every step.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from .shape import CONTEXT, FFN, HEADS, LAYERS, LR, ROWS, VOCAB, WIDTH, Advance, tokens


def trainer(bf16: bool) -> Advance:
    """Hugging Face's Trainer as it comes; the clock runs from its `on_step_begin` to its `on_step_end`."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    spent: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            spent.append(time.process_time() - self.began)

    model = _llama()
    rows: Any = [{"input_ids": row, "labels": row} for row in tokens(CONTEXT, ROWS * 64)]

    def advance(steps: int) -> list[float]:
        spent.clear()
        arguments = TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            max_steps=steps + 1,  # the first one after its start is not counted
            per_device_train_batch_size=ROWS,
            learning_rate=LR,
            bf16=bf16,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        one = Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Clock()])
        one.log = lambda *_, **__: None  # its summary, in the middle of ours
        one.train()
        return spent[1:]

    return advance


def bare_llama(context: int = CONTEXT, rows: int = ROWS, document: int | None = None) -> Advance:
    """With `document`, as Hugging Face keeps packed documents apart: a dense mask, and positions that begin anew."""
    model, ids = _llama(), tokens(context, rows)
    given: dict[str, Any] = {"input_ids": ids, "labels": ids}
    if document:
        where = torch.arange(context).div(document, rounding_mode="floor")
        sees = (where[:, None] == where[None, :]).tril()
        given["attention_mask"] = sees.expand(rows, 1, context, context)
        given["position_ids"] = (torch.arange(context) % document).expand(rows, context)
    return _bare(model, lambda: model(**given).loss)


def litgpt() -> Advance:
    from litgpt.config import Config
    from litgpt.model import GPT

    config = Config(
        n_layer=LAYERS,
        n_head=HEADS,
        n_embd=WIDTH,
        n_query_groups=HEADS,
        block_size=CONTEXT,
        vocab_size=VOCAB,
        padded_vocab_size=VOCAB,
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
        intermediate_size=FFN,
    )
    torch.manual_seed(1)
    model, ids = GPT(config), tokens(CONTEXT + 1, ROWS)
    return _bare(model, lambda: cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()))


def _llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        intermediate_size=FFN,
        vocab_size=VOCAB,
        max_position_embeddings=4096,
        use_cache=False,
        tie_word_embeddings=False,
        attn_implementation="sdpa",
    )
    torch.manual_seed(1)
    return LlamaForCausalLM(config)


def _bare(model: Any, loss_of: Callable[[], torch.Tensor]) -> Advance:
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.0, fused=True)

    def advance(steps: int) -> list[float]:
        spent = []
        for _ in range(steps):
            began = time.process_time()
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            loss.item()
            spent.append(time.process_time() - began)
        return spent

    return advance
