"""Ready tokenizers: taken when they are what the spec says, refused by a letter when they are not."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from lehr.compiler.plan import files
from lehr.compiler.plan.model import Origin, Step, TokenizerWork
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.stages import tokenizer

TEXT = (
    "".join(
        f"to be or not to be {word} "
        for word in ["that", "is", "the", "question", "whether", "tis", "nobler"]
    )
    * 9
)
SPECIALS = ("<s>", "</s>", "<|turn|>")


class Desk:
    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "room"
        self.folder.mkdir()


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A tokenizer of somebody else's, who cut and padded texts with it."""
    made = train([TEXT], vocab=280, specials=SPECIALS, split_digits=True)
    made.enable_truncation(4)
    made.enable_padding(length=8)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def step(path: Path, **spec: Any) -> Step:
    """A step that reads a file; what is not said fits the one above."""
    said = {"vocab": 280, "specials": (), "begin": "<s>", "end": "</s>", "split_digits": True, "sample": 1}
    work = TokenizerWork(file=files.file(path.name, path.parent), **(said | spec))
    origin = Origin(path="spec.lehr", line=1, column=1)
    return Step(address="words", fingerprint="0" * 64, inputs={}, work=work, origin=origin)


def take(made: Step, root: Path) -> Vocabulary:
    desk = Desk(root)
    facts = tokenizer.run(made, {}, desk)  # pyright: ignore[reportArgumentType]
    found = Vocabulary.open(desk.folder)
    assert facts == {"vocab": found.size, "bytes_per_token": {}}
    return found


def refusal(made: Step, root: Path) -> StageError:
    with pytest.raises(StageError) as refused:
        take(made, root)
    assert not any((root / "room").iterdir())
    return refused.value


def test_a_ready_tokenizer_is_taken_with_its_own_begin_and_end(ready: Path) -> None:
    words = take(step(ready, specials=("<|turn|>",)), ready.parent)
    assert (words.begin, words.end) == (0, 1)


def test_documents_are_neither_cut_nor_padded(ready: Path) -> None:
    words = take(step(ready), ready.parent)
    text = "to be or not to be or not to be or not to be"
    (ids,), (short,) = words.encode([text]), words.encode(["to"])
    assert (words.decode(ids), words.decode(short)) == (text, "to")
    assert len(short) < 4 < len(ids)


def test_a_tokenizer_without_a_begin_begins_with_its_end(ready: Path) -> None:
    words = take(step(ready, begin=""), ready.parent)
    assert (words.begin, words.end) == (1, 1)


def test_transformers_reads_what_was_written(ready: Path) -> None:
    words = take(step(ready), ready.parent)
    peer = AutoTokenizer.from_pretrained(ready.parent / "room")
    assert (peer.bos_token_id, peer.eos_token_id) == (words.begin, words.end)
    assert peer.encode("to be", add_special_tokens=False) == words.encode(["to be"])[0]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"vocab": 300}, "tokenizer.json has 280 entries, and the spec says 300"),
        ({"begin": "<|begin|>"}, "tokenizer.json has no entry `<|begin|>`"),
        ({"end": "<|end|>"}, "tokenizer.json has no entry `<|end|>`"),
        ({"specials": ("<|user|>",)}, "tokenizer.json has no entry `<|user|>`"),
    ],
)
def test_a_tokenizer_that_is_not_what_the_spec_says_is_refused(
    ready: Path, spec: dict[str, Any], told: str
) -> None:
    refused = refusal(step(ready, **spec), ready.parent)
    assert (refused.code, refused.headline) == ("RUN144", told)


HOSTILE = {
    "deep": b"[" * 100_000,
    "long number": b'{"model": ' + b"9" * 5000 + b"}",
    "nan": b'{"model": {"dropout": NaN}}',
    "twice": b'{"model": {}, "model": {}}',
    "no utf-8": b'{"model": "\xff"}',
    "no model": b'{"version": "1.0"}',
    "unknown model": b'{"model": {"type": "Magic"}}',
    "cut off": b'{"model": {',
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_letter(tmp_path: Path, name: str) -> None:
    (tmp_path / "tokenizer.json").write_bytes(HOSTILE[name])
    assert refusal(step(tmp_path / "tokenizer.json"), tmp_path).code == "RUN144"


def test_an_id_beyond_the_vocabulary_is_refused(ready: Path) -> None:
    content = json.loads(ready.read_text())
    size = len(content["model"]["vocab"])
    content["added_tokens"][-1]["id"] = content["model"]["vocab"]["<|turn|>"] = 10**9
    ready.write_text(json.dumps(content))
    refused = refusal(step(ready, vocab=size), ready.parent)
    assert refused.headline == f"tokenizer.json has 1000000001 entries, and the spec says {size}"


def test_a_sentencepiece_file_is_told_how_to_become_one(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"\x0a\x0e\x0a\x05<unk>\x15\xff")
    refused = refusal(step(tmp_path / "tokenizer.model"), tmp_path)
    assert refused.code == "RUN144"
    assert "AutoTokenizer" in refused.help[0]


def test_a_tokenizer_that_moved_since_the_plan_is_named(ready: Path) -> None:
    made = step(ready)
    ready.write_text(ready.read_text() + " ")
    assert refusal(made, ready.parent).notes == ("tokenizer.json has changed",)
    (ready.parent / "room").rmdir()
    ready.unlink()
    assert refusal(made, ready.parent).code == "RUN140"
