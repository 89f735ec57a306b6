"""From raw text to a model: a whole curation rehearsed, killed anywhere, and read by eye.

`LEHR_RESULTS=write` keeps the funnels in `bench/results/curation.md`.
"""

import json
import os
import random
import shutil
import subprocess
import time
from gzip import compress, decompress
from hashlib import sha256
from pathlib import Path

import pytest
from pipelines import go

from lehr.compiler.plan.model import Plan
from lehr.runtime.store.artifact import Store

pytestmark = pytest.mark.proof
SPEC = Path(__file__).parent / "curation.lehr"
DOCUMENTATION = (
    "debian-faq",
    "debian-faq-de",
    "debian-faq-fr",
    "debian-faq-it",
    "debian-faq-ja",
    "debian-faq-nl",
)
ROBOTS = b"User-agent: *\nDisallow: /*/contributing.\n"
WEB = """\
lehr 1
pipeline web { rng = 3 }
corpus crawl { source = files("crawl/*.warc.gz");  max_bad = 10 }
curate pages {
  of = crawl
  robots { agent = "lehr" }
  extract { keep = [code, formulas, tables] }
  language { keep = ["en", "de", "fr"] }
  heuristics { rules = [gopher] }
  pii { }
  dedup { by = minhash() }
}
tokenizer words { from = [pages];  vocab = 300 }
arch small { layers = 1;  width = 16;  heads = 2;  ffn = 32;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
bench reads { suite = perplexity(pages, sequences: 4);  context = 32 context }
eval marks { of = [newborn];  benches = [reads] }
"""


def made(folder: Path, address: str) -> tuple[Path, dict[str, object]]:
    """A step's artifact in the one run of a folder, and its facts."""
    (path,) = folder.glob("runs/*/*/plan.json")
    plan = Plan.model_validate_json(path.read_bytes())
    store, step = Store(folder / plan.store), plan.step(address)
    return store.path(step.fingerprint), store.facts(step.fingerprint)


def digests(folder: Path) -> dict[str, str]:
    return {
        one.name: sha256(one.read_bytes()).hexdigest() for one in folder.iterdir() if one.suffix == ".parquet"
    }


def test_from_raw_text_to_a_model_in_under_two_minutes(tmp_path: Path):
    shutil.copy(SPEC, tmp_path / "curation.lehr")
    began = time.monotonic()
    ran = go(tmp_path, "run", "curation.lehr")
    assert ran.returncode == 0, ran.stderr
    print(f"{time.monotonic() - began:.0f} s")
    _, facts = made(tmp_path, "clean")
    assert facts["train"]["documents"] > 500
    told = go(tmp_path, "explain", "clean.dropped")
    assert told.returncode == 0
    assert "heuristics: gopher: words" in told.stdout
    keep("The standard library's prose", told.stdout)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing befell."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(SPEC, folder / "curation.lehr")
    assert go(folder, "run", "curation.lehr", "--workers", "1").returncode == 0
    return folder


@pytest.mark.parametrize("point", ["shard", "sifted", "counted", "merged"])
def test_killed_anywhere_a_curation_ends_alike(tmp_path: Path, whole: Path, point: str):
    """kill -9 behind a shard, in the middle of one, while counting and between counting and merging."""
    draw = random.Random(point)
    shutil.copy(SPEC, tmp_path / "curation.lehr")
    killed = 0
    for nth in (1, draw.randint(1, 2), draw.randint(1, 3)):
        got = go(tmp_path, "run", "curation.lehr", "--workers", "1", LEHR_FAULT=f"{point}=kill@{nth}")
        killed += got.returncode == -9
    assert killed
    got = go(tmp_path, "run", "curation.lehr", "--workers", "2")
    assert got.returncode == 0, got.stderr
    for address in ("clean", "scripts"):
        assert digests(made(tmp_path, address)[0]) == digests(made(whole, address)[0])


# ---- real pages -----------------------------------------------------------------------------------


def crawl(folder: Path) -> int:
    """Debian's documentation in several languages, as a crawler would have brought it; returns the pages."""
    got = subprocess.run(
        ["apt-get", "download", *DOCUMENTATION], cwd=folder, capture_output=True, text=True, check=False
    )
    packages = sorted(folder.glob("*.deb"))
    if not packages:
        pytest.skip(f"Debian's documentation cannot be had here: {got.stderr[-200:]}")
    count = 0
    (folder / "crawl").mkdir()
    for package in packages:
        inside = folder / package.stem
        subprocess.run(["dpkg-deb", "-x", str(package), str(inside)], check=True)
        site = f"http://{package.stem.split('_')[0]}.example"
        with (folder / "crawl" / f"{package.stem}.warc.gz").open("wb") as out:
            out.write(compress(answer(f"{site}/robots.txt", ROBOTS, "text/plain")))
            for page in sorted(inside.rglob("*.html*")):
                if page.is_file():
                    raw = page.read_bytes()
                    raw = decompress(raw) if page.suffix == ".gz" else raw
                    path = page.relative_to(inside).as_posix().removesuffix(".gz")
                    out.write(compress(answer(f"{site}/{path}", raw, "text/html")))
                    count += 1
    return count


def answer(url: str, body: bytes, kind: str) -> bytes:
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    return head.encode() + http + b"\r\n\r\n"


def test_real_pages_with_their_navigation(tmp_path: Path):
    pages = crawl(tmp_path)
    (tmp_path / "web.lehr").write_text(WEB)
    ran = go(tmp_path, "run", "web.lehr")
    assert ran.returncode == 0, ran.stderr
    artifact, facts = made(tmp_path, "pages")
    funnel = {row["step"]: row for row in facts["funnel"]}
    assert funnel["robots"]["documents"] > pages * 9 // 10
    assert funnel["robots"]["dropped"]["not allowed"] >= 2
    assert funnel["language"]["kept"] > pages // 3
    from lehr.runtime.parts.data.tables import read_records

    found = [(text, json.loads(meta)) for _, text, meta in read_records(artifact / "train.parquet")]
    assert {meta["language"] for _, meta in found} >= {"en", "de", "fr"}
    assert not any("<html" in text for text, _ in found)
    keep("Debian's documentation", go(tmp_path, "explain", "pages.dropped").stdout)


def keep(title: str, told: str) -> None:
    print(f"## {title}\n\n```\n{told}```\n")
    if os.environ.get("LEHR_RESULTS") == "write":
        path = Path(__file__).parents[2] / "bench" / "results" / "curation.md"
        parts = path.read_text().split("\n## ") if path.exists() else ["# Curations, and what they dropped\n"]
        parts = [one for one in parts if not one.startswith(title)]
        path.write_text("\n## ".join([*parts, f"{title}\n\n```\n{told.rstrip()}\n```\n"]))
