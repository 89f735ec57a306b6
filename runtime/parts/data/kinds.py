"""What kind of file a name tells of, before anything is opened."""

from __future__ import annotations

from pathlib import PurePosixPath

READ = ("lines", "rows", "batches", "pages", "text")
"""What `kind_of` calls the files that are read here."""
PACKED = (".gz", ".zst")

_TABLES = {".parquet": "rows", ".arrow": "batches", ".feather": "batches"}
_PAGES = (".warc", ".wet")
_LINES = (".jsonl", ".ndjson", ".json")
_NOT_TEXT = frozenset((".bin", ".npy", ".npz", ".pdf", ".pt", ".safetensors"))
_PICTURES = frozenset((".gif", ".jpeg", ".jpg", ".mp3", ".mp4", ".png", ".wav", ".webp"))
_ARCHIVES = frozenset((".7z", ".bz2", ".tar", ".tgz", ".xz", ".zip"))


def kind_of(file: str) -> str:
    """`lines`, `rows`, `batches`, `pages` or `text` by the ending of a name; else an ending known not to be text."""
    *before, last = ["", *PurePosixPath(file.lower()).suffixes]
    ending = before[-1] if last in PACKED and before else last
    if ending in _LINES:
        return "lines"
    if ending in _PAGES:
        return "pages"
    if ending in _TABLES:
        return _TABLES[ending] if ending == last else f"{ending}{last}"
    return ending if ending in _NOT_TEXT | _PICTURES | _ARCHIVES else "text"


def packing(file: str) -> str:
    """The ending that says how a file is compressed, or another one."""
    return PurePosixPath(file.lower()).suffix
