"""A tiny model that benches examine, what they ask it, and the same scores worked out slowly."""

import json
from pathlib import Path
from typing import Any

import torch

from lehr.compiler.plan.model import Arch, File
from lehr.runtime.parts.data.documents import Document, Question
from lehr.runtime.parts.data.tables import write_documents, write_questions
from lehr.runtime.parts.data.tokens import collect, write
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.suites.likelihood import encode
from lehr.runtime.parts.suites.subject import Subject

ARCH = Arch(
    layers=2,
    width=16,
    heads=2,
    kv_heads=1,
    head_dim=8,
    ffn=24,
    vocab=300,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
TEXTS = ["the last of a b is b .\nthe first of a b is a .\nThe number of Faro is 1234 .\n"] * 3


def examinee(folder: Path) -> Subject:
    """A model drawn at random, a small vocabulary, a corpus of three documents and three questions."""
    model = Decoder(ARCH)
    initialise(model, 0.5, 1)
    specials = ("<|begin|>", "<|end|>")
    for name in ("tokenizer", "tokens", "corpus"):
        (folder / name).mkdir()
    train(TEXTS, vocab=ARCH.vocab, specials=specials, split_digits=True).save(
        str(folder / "tokenizer" / "tokenizer.json")
    )
    for part in ("train", "heldout"):
        documents = collect([[1] * 101, [1] * 41, [1] * 11], ARCH.vocab)
        write(folder / "tokens" / f"{part}.safetensors", documents)
    asked = (("the last of a b is", "b ."), ("the first of a b is", "a ."), ("x", "9 ."))
    write_questions(folder / "corpus" / "questions.parquet", [Question(*one) for one in asked])
    hay = [Document(str(at), f"sentence {at} of the hay.\nand {at} more.\n") for at in range(9)]
    write_documents(folder / "corpus" / "heldout.parquet", hay)
    inputs = {"tokens:c": folder / "tokens", "corpus:c": folder / "corpus"}
    return Subject(model, Vocabulary.open(folder / "tokenizer"), ARCH.rope, inputs, folder)


def jsonl(folder: Path, *rows: Any) -> File:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return File(path=path.name, digest="")


@torch.no_grad()
def slowly(subject: Subject, head: list[int], tail: list[int]) -> float:
    """The same, one row at a time, in float64, from whole logits."""
    row = torch.tensor([[*head, *tail][:-1]])
    logs_TV = torch.log_softmax(subject.model(row, torch.zeros_like(row), subject.rope)[0].double(), -1)
    return sum(logs_TV[len(head) - 1 + at, token].item() for at, token in enumerate(tail))


QUESTIONS = [
    {"question": "the last of a b is", "choices": ["a", "b", "the first of a b"], "answer": 1},
    {"prompt": "the first of a b is", "choices": ["a", "bb is"], "answer": "a"},
    {"question": "The number of Faro is", "choices": ["1234", "1", "é 9", "the last"], "answer": 3},
    {"question": "a b", "choices": ["is", "number of"], "answer": 0},
]


def by_hand(subject: Subject, questions: list[dict[str, Any]], before: str = "") -> dict[str, float]:
    right = {"acc": 0, "acc_norm": 0, "acc_bytes": 0, "acc_tokens": 0}
    for one in questions:
        prompt, choices = before + one.get("question", one.get("prompt", "")), one["choices"]
        truth = one["answer"] if isinstance(one["answer"], int) else choices.index(one["answer"])
        pairs = [encode(subject.words, prompt, f" {choice}") for choice in choices]
        logs = torch.tensor([slowly(subject, *pair) for pair in pairs])
        lengths = {
            "acc": torch.ones(len(choices)),
            "acc_norm": torch.tensor([len(choice) for choice in choices]),
            "acc_bytes": torch.tensor([len(choice.encode()) for choice in choices]),
            "acc_tokens": torch.tensor([len(tail) for _, tail in pairs]),
        }
        for name, length in lengths.items():
            right[name] += int((logs / length).argmax()) == truth
    return {name: count / len(questions) for name, count in right.items()}
