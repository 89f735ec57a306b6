"""From a builtin corpus to tokens on disk: corpus, tokenizer, tokenize."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from lehr.compiler.plan.library import digest
from lehr.compiler.plan.model import AnyWork, Builtin, CorpusWork, Origin, Step, TokenizerWork, TokenizeWork
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.data import builtin
from lehr.runtime.parts.data.skills import skills
from lehr.runtime.parts.data.tables import read_documents, read_questions
from lehr.runtime.parts.data.tokens import TokenSet
from lehr.runtime.parts.data.vocabulary import Vocabulary
from lehr.runtime.stages import corpus, tokenize, tokenizer

SPECIALS = ("<|pad|>", "<|begin|>", "<|end|>")
TOKENIZER = TokenizerWork(
    file=None,
    vocab=300,
    specials=SPECIALS,
    begin="<|begin|>",
    end="<|end|>",
    split_digits=True,
    sample=20_000,
)


@dataclass
class Desk:
    """A room that only holds a folder."""

    folder: Path
    root: Path = Path()
    stopping: bool = False
    workers: int = 0
    checkpoints: Any = None
    said: list[str] = field(default_factory=list)

    def say(self, event: str, **facts: Any) -> None:
        self.said.append(event)


def step(work: AnyWork) -> Step:
    origin = Origin(path="spec.lehr", line=1, column=1)
    return Step(address="a step", fingerprint="0" * 64, inputs={}, work=work, origin=origin)


def room(folder: Path) -> Desk:
    folder.mkdir()
    return Desk(folder)


@pytest.fixture(autouse=True)
def small_skills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "skills", lambda wrong, rng: skills(wrong, rng, training=12, heldout=3))


def write_skills(folder: Path, wrong: str = "0") -> dict[str, Any]:
    work = CorpusWork(source=Builtin(name="skills", library="", wrong=Fraction(wrong), rng=4))
    return corpus.run(step(work), {}, room(folder))


def test_a_corpus_is_written_and_counted(tmp_path: Path) -> None:
    facts = write_skills(tmp_path / "skills")
    train = list(read_documents(tmp_path / "skills" / "train.parquet"))
    assert facts["train"] == {
        "documents": 12,
        "bytes": sum(len(document.text) for document in train),
    }
    assert [document.id for document in train][:2] == ["skills/train/00000", "skills/train/00001"]
    assert facts["heldout"]["documents"] == 3
    assert facts["questions"] == len(read_questions(tmp_path / "skills" / "questions.parquet"))


def test_the_same_work_writes_the_same_bytes(tmp_path: Path) -> None:
    facts = [write_skills(tmp_path / name) for name in "ab"]
    assert facts[0] == facts[1]
    for file in ("train.parquet", "heldout.parquet", "questions.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert write_skills(tmp_path / "c", wrong="1/5")["sha256"] != facts[0]["sha256"]


def test_the_library_of_another_python_is_refused(tmp_path: Path) -> None:
    work = CorpusWork(
        source=Builtin(name="code", library="CPython 3.0.0 sha256:00", wrong=Fraction(0), rng=0)
    )
    with pytest.raises(StageError) as refused:
        corpus.run(step(work), {}, room(tmp_path / "code"))
    assert (refused.value.code, refused.value.step) == ("RUN106", "a step")
    assert refused.value.notes[1] == f"here:    {digest()}"
    assert list((tmp_path / "code").iterdir()) == []


def test_code_is_read_from_the_library_that_was_planned(tmp_path: Path) -> None:
    work = CorpusWork(source=Builtin(name="code", library=digest(), wrong=Fraction(0), rng=0))
    facts = corpus.run(step(work), {}, room(tmp_path / "code"))
    assert facts["train"]["bytes"] > 4_000_000
    assert sorted(path.name for path in (tmp_path / "code").iterdir()) == ["heldout.parquet", "train.parquet"]


def test_text_becomes_tokens_and_comes_back(tmp_path: Path) -> None:
    write_skills(tmp_path / "skills")
    inputs = {"corpus:skills": tmp_path / "skills"}
    learnt = tokenizer.run(step(TOKENIZER), inputs, room(tmp_path / "tokenizer"))
    inputs = {"corpus": tmp_path / "skills", "tokenizer": tmp_path / "tokenizer"}
    facts = tokenize.run(step(TokenizeWork()), inputs, room(tmp_path / "tokens"))

    vocabulary, tokens = Vocabulary.open(tmp_path / "tokenizer"), TokenSet.open(tmp_path / "tokens")
    assert (learnt["vocab"], list(learnt["bytes_per_token"])) == (300, ["skills"])
    for part, documents in (("train", tokens.train), ("heldout", tokens.heldout)):
        texts = [document.text for document in read_documents(tmp_path / "skills" / f"{part}.parquet")]
        size = sum(len(text.encode()) for text in texts)
        assert facts[part] == {"documents": len(texts), "tokens": documents.size, "bytes": size}
        assert [vocabulary.decode(ids.tolist()) for ids in documents] == texts
        assert {(int(ids[0]), int(ids[-1])) for ids in documents} == {(1, 2)}


def test_documents_shorter_than_the_corpus_says_are_left_out(tmp_path: Path) -> None:
    write_skills(tmp_path / "skills")
    tokenizer.run(step(TOKENIZER), {"corpus:skills": tmp_path / "skills"}, room(tmp_path / "tokenizer"))
    inputs = {"corpus": tmp_path / "skills", "tokenizer": tmp_path / "tokenizer"}
    tokenize.run(step(TokenizeWork()), inputs, room(tmp_path / "all"))
    lengths = sorted(len(ids) for ids in TokenSet.open(tmp_path / "all").train)
    shortest = lengths[6]
    facts = tokenize.run(step(TokenizeWork(shortest=shortest)), inputs, room(tmp_path / "long"))
    assert sorted(len(ids) for ids in TokenSet.open(tmp_path / "long").train) == [
        length for length in lengths if length >= shortest
    ]
    assert facts["train"]["short"] + facts["train"]["documents"] == 12
    with pytest.raises(StageError) as refused:
        tokenize.run(step(TokenizeWork(shortest=10**6)), inputs, room(tmp_path / "none"))
    assert refused.value.code == "RUN145"


def test_tokenizing_stops_when_asked_to(tmp_path: Path) -> None:
    write_skills(tmp_path / "skills")
    tokenizer.run(step(TOKENIZER), {"corpus:skills": tmp_path / "skills"}, room(tmp_path / "tokenizer"))
    desk = room(tmp_path / "tokens")
    desk.stopping = True
    with pytest.raises(Interrupted):
        tokenize.run(
            step(TokenizeWork()), {"corpus": tmp_path / "skills", "tokenizer": tmp_path / "tokenizer"}, desk
        )
