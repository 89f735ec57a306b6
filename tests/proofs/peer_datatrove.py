"""What datatrove's filters say of some documents, as JSON: run with datatrove's own Python.

    python peer_datatrove.py FOLDER WORDS

FOLDER holds `documents.jsonl`.  WORDS is the file that says what words and sentences are for the peer's
filters in a second pass; in the first they are spaCy's, as datatrove has it.
"""

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

FILTERS = {
    "quality": gopher_quality_filter.GopherQualityFilter,
    "repetition": gopher_repetition_filter.GopherRepetitionFilter,
    "fineweb": fineweb_quality_filter.FineWebQualityFilter,
    "c4": c4_filters.C4QualityFilter,
}


def judged(documents: list[dict[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {"seconds": {}, "said": {}}
    for name, kind in FILTERS.items():
        filter_ = kind()
        filter_.filter(Document(text=documents[0]["text"], id="warm"))
        began, said = time.process_time(), {}
        for one in documents:
            document = Document(text=one["text"], id=one["id"])
            try:
                result = filter_.filter(document)
            except ZeroDivisionError:
                result = (False, "fails")
            said[one["id"]] = [
                result if isinstance(result, bool) else result[0],
                "" if result is True else result[1],
            ]
            if name == "c4" and result is True:
                said[one["id"]].append(document.text)
        found["seconds"][name] = time.process_time() - began
        found["said"][name] = said
    return found


def main(folder: Path, words: Path) -> None:
    documents = [json.loads(line) for line in (folder / "documents.jsonl").read_text().splitlines()]
    theirs = judged(documents)
    spec = importlib.util.spec_from_file_location("pieces", words)
    assert spec
    assert spec.loader
    pieces = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pieces)
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = lambda text, language: list(pieces.words_of(text))
    c4_filters.split_into_sentences = lambda line, language: [""] * pieces.sentences(line)
    (folder / "theirs.json").write_text(json.dumps({"spacy": theirs, "ours": judged(documents)}))


main(Path(sys.argv[1]), Path(sys.argv[2]))
