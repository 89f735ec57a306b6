"""A curation that sees a whole corpus, killed wherever it counts, merges or drops, and then resumed: the same files.

The kills are real: SIGKILL of the process, or of the worker in which a shard is done.
"""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from pipelines import go

pytestmark = pytest.mark.proof

SPEC = """\
lehr 1
pipeline tiny { }
corpus raw { source = files("raw/*.jsonl") }
corpus good { source = files("good/*.jsonl") }
bench asks { suite = exact_match("asks.jsonl") }
classifier worth { yes = good;  no = raw;  kind = hashed_linear(features: 4096) }
curate clean {
  of = raw
  dedup { by = exact() }
  dedup { by = minhash(shingle: 3, bands: 20, rows: 4) }
  dedup { by = lines(more_than: 6) }
  decontaminate { against = [asks];  grams = 3..6;  common = 50 }
  quality { judge = worth;  keep = top(60%) }
}
tokenizer words { from = [clean];  vocab = 300;  sample = 20kB }
arch small { layers = 1;  width = 16;  heads = 2;  ffn = 32;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words }
train grown { from = newborn;  data = clean;  steps = 1;  batch = 64 tokens;  context = 32 context;  lr = 1e-3 }
"""
POINTS = ("counted", "merged", "sifted", "shard")


def w(at: int, of: int) -> str:
    """A word that comes every so often."""
    return "w" + "".join("abcdefghij"[int(digit)] for digit in str(at % of))


def give(folder: Path) -> Path:
    texts = [
        f"the {w(at, 70)} text has {w(at, 41)} words of {w(at, 13)} and {w(at, 7)} more" for at in range(400)
    ]
    texts = [f"line {w(at, 60)}\n{text}" for at, text in enumerate(texts)]
    for name, some in (("raw", texts), ("good", [f"well said {text}" for text in texts[:90]])):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in some))
    (folder / "asks.jsonl").write_text(json.dumps({"prompt": "the wf text has wf", "answer": "words of wf"}))
    (folder / "tiny.lehr").write_text(SPEC)
    return folder


def made(folder: Path) -> dict[str, str]:
    """Digests of what every data step came to."""
    ledger = json.loads((folder / "runs/tiny/full/ledger.json").read_text())["entries"]
    found = {}
    for name in ("worth", "clean"):
        for path in sorted((folder / "runs/artifacts" / ledger[name]["fingerprint"]).iterdir()):
            if path.name != "manifest.json":
                found[f"{name}/{path.name}"] = sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = give(tmp_path_factory.mktemp("whole"))
    ran = go(folder, "run", "tiny.lehr", "--workers", "1")
    assert ran.returncode == 0, ran.stderr
    return made(folder)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("turn", [1, 2, 4])
def test_killed_and_resumed_it_comes_to_the_same_files(
    point: str, turn: int, tmp_path: Path, whole: dict[str, str]
):
    folder = give(tmp_path / "killed")
    killed = go(folder, "run", "tiny.lehr", "--workers", "1", LEHR_FAULT=f"{point}=kill@{turn}")
    assert killed.returncode != 0
    resumed = go(folder, "resume", "--workers", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert made(folder) == whole
