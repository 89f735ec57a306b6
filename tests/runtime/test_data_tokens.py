"""Token shards: of bounded size, read back as they were written, and mapped rather than read."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lehr.runtime.parts.data.order import Stream
from lehr.runtime.parts.data.tokens import TokenSet, collect, opened, write_shards

DOCUMENTS = st.lists(st.lists(st.integers(0, 999), max_size=9), max_size=12)


@given(documents=DOCUMENTS, most=st.integers(1, 60), vocab=st.sampled_from([1000, 1 << 17]))
def test_documents_come_back_from_shards_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]], most: int, vocab: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    counts = write_shards(folder, "train", documents, vocab, most)
    found = opened(folder, "train")
    assert counts == {"documents": len(documents), "tokens": sum(map(len, documents))}
    assert [ids.tolist() for ids in found] == documents
    assert (len(found), found.size) == tuple(counts.values())


@given(documents=DOCUMENTS.filter(any), most=st.integers(1, 60), position=st.integers(0, 90))
def test_a_corpus_in_shards_is_read_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]], most: int, position: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    write_shards(folder, "train", documents, 1000, most)
    one = Stream(collect(documents, 1000), rng=5).read(position, 50)
    other = Stream(opened(folder, "train"), rng=5).read(position, 50)
    assert [part.tolist() for part in one] == [part.tolist() for part in other]


def test_a_shard_is_no_larger_than_asked_unless_one_document_is(tmp_path: Path) -> None:
    write_shards(tmp_path, "train", [[1] * 40, [2] * 60, [3] * 10, [4] * 500, [5]], 1000, most=200)
    shards = [load_file(path)["tokens"] for path in sorted(tmp_path.iterdir())]
    assert [shard.numel() for shard in shards] == [100, 10, 500, 1]
    assert [path.name for path in sorted(tmp_path.iterdir())][:2] == [
        "train-00000.safetensors",
        "train-00001.safetensors",
    ]


@pytest.mark.parametrize(("vocab", "dtype"), [(1 << 16, torch.uint16), ((1 << 16) + 1, torch.uint32)])
def test_ids_take_two_bytes_where_the_vocabulary_allows_it(
    tmp_path: Path, vocab: int, dtype: torch.dtype
) -> None:
    write_shards(tmp_path, "train", [[vocab - 1]], vocab)
    assert opened(tmp_path, "train").shards[0].dtype == dtype
    assert opened(tmp_path, "train")[0].tolist() == [vocab - 1]


def test_what_is_no_shard_is_refused(tmp_path: Path) -> None:
    row, starts = torch.zeros(4, dtype=torch.int16), torch.tensor([0, 4])
    for tokens in (row, row.view(torch.uint16)[:3]):
        save_file({"tokens": tokens.clone(), "starts": starts}, tmp_path / "train-00000.safetensors")
        with pytest.raises(ValueError, match="does not hold tokens"):
            opened(tmp_path, "train")
    with pytest.raises(FileNotFoundError, match="no tokens of its train part"):
        TokenSet.open(tmp_path / "nothing")


MEASURED = """
import sys
from itertools import repeat
from pathlib import Path
from lehr.runtime.parts.data.order import Stream
from lehr.runtime.parts.data.tokens import opened, write_shards

def own():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(sys.argv[1])) // 1024

document = list(range(1000))
write_shards(Path("warm"), "train", [document], 1000)
Stream(opened(Path("warm"), "train"), 0).read(0, 10)
before = own()
if sys.argv[2] == "write":
    write_shards(Path(), "train", repeat(document, 25_000), 1000, most=4 << 20)
else:
    Stream(opened(Path(), "train"), 0).read(0, 4096)
print(own() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for its memory")
def test_a_corpus_is_in_memory_neither_when_written_nor_when_opened(tmp_path: Path) -> None:
    (tmp_path / "warm").mkdir()

    def grown(counter: str, what: str) -> int:
        command = [sys.executable, "-c", MEASURED, counter, what]
        return int(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)

    assert grown("VmHWM", "write") < 30  # of 50 MB, in shards of 4
    assert grown("RssAnon", "open") < 10
