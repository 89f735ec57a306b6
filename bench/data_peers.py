"""datatrove's and datasketch's CPU seconds for `data.py`; it runs in an environment of their own.

    python data_peers.py FOLDER

reads the documents in `texts.json` of a folder and prints seconds by peer as JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasketch import MinHash
from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from loguru import logger

_MOST = 400
"""Documents that the slow ones are given; their seconds are scaled to all."""


def documents(texts: list[str]) -> list[Document]:
    return [Document(text=text, id=str(at)) for at, text in enumerate(texts)]


def gopher(texts: list[str]) -> None:
    steps = GopherRepetitionFilter(), GopherQualityFilter()
    for document in documents(texts):
        for step in steps:
            step.filter(document)


def signatures(texts: list[str]) -> None:
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    with tempfile.TemporaryDirectory() as folder:
        MinhashDedupSignature(folder, config=config, language="en").run(documents(texts), 0, 1)


def datasketch(texts: list[str]) -> None:
    for text in texts:
        words = text.lower().split()
        found = MinHash(num_perm=112, seed=1)
        found.update_batch([" ".join(words[at : at + 5]).encode() for at in range(max(1, len(words) - 4))])


def clocked(way: Callable[[list[str]], None], texts: list[str]) -> float:
    """Seconds for all texts; what a peer does once is done before."""
    few = texts[:: max(1, len(texts) // _MOST)]
    way(few[:2])
    began = time.process_time()
    way(few)
    scale = sum(map(len, texts)) / sum(map(len, few))
    return (time.process_time() - began) * scale


def main() -> None:
    logger.remove()
    texts = json.loads((Path(sys.argv[1]) / "texts.json").read_text())
    ways: dict[str, Any] = {
        "datatrove gopher": gopher,
        "datatrove minhash": signatures,
        "datasketch": datasketch,
    }
    print(json.dumps({name: clocked(way, texts) for name, way in ways.items()}))


if __name__ == "__main__":
    main()
