"""Leave out what was there before: addresses, copies, near copies, and lines that come again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from . import copies, lines, minhash, verdicts
from .filter import Filtered, Given, Page, Round
from .minhash import Minhash

_ADDRESS, _FETCHED = "url", ("date", "timestamp")
"""What a record calls where a page is from, and when it was fetched."""
_REASONS = {"url": "same address", "exact": "copy", "minhash": "near copy"}
_COUNTED, _FIRST, _OFTEN = "documents", "firsts", "often.npy"


def rounds(given: Given) -> Sequence[Round]:
    match _by(given):
        case "lines":
            return Round(_count_documents, _number_them), Round(_count_lines, _often)
        case "minhash":
            return (Round(_count_shingles, _near_copies),)
        case by:
            return (Round(partial(_count_marks, by), _copies),)


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    by = _by(given)
    if by == "lines":
        yield from _without_lines(pages, given)
        return
    gone = verdicts.of_shard(given.answers[0], given.shard)
    for place, page in enumerate(pages):
        yield page.dropped(_REASONS[by], gone[place]) if place in gone else page


def _by(given: Given) -> str:
    by = given.settings["by"]
    return by if isinstance(by, str) else by["kind"]


# ---- copies -----------------------------------------------------------------------------------


def _count_marks(by: str, pages: Iterator[Page], given: Given, out: Path) -> None:
    ids: list[str] = []

    def marks() -> Iterator[copies.Mark | None]:
        for page in pages:
            ids.append(page.id)
            yield _mark_of_address(page) if by == "url" else copies.of_text(page.text)

    copies.count(marks(), given.shard, out / "marks.npy")
    verdicts.write_ids(out, ids)


def _mark_of_address(page: Page) -> copies.Mark | None:
    url = page.meta.get(_ADDRESS)
    if not isinstance(url, str) or not url.strip():
        return None
    return copies.of_address(
        url, next((str(page.meta[name]) for name in _FETCHED if page.meta.get(name)), "")
    )


def _copies(counts: Sequence[Path], given: Given, out: Path) -> None:
    ids = verdicts.Ids(counts)
    found = copies.merge([folder / "marks.npy" for folder in counts])
    verdicts.write(out, ((document, ids[kept]) for document, kept in found))


# ---- near copies ------------------------------------------------------------------------------


def _minhash(given: Given) -> Minhash:
    by = given.settings["by"]
    return Minhash(by["shingle"], by["bands"], by["rows"])


def _count_shingles(pages: Iterator[Page], given: Given, out: Path) -> None:
    ids: list[str] = []

    def texts() -> Iterator[str]:
        for page in pages:
            ids.append(page.id)
            yield page.text

    minhash.count(texts(), given.shard, out, _minhash(given))
    verdicts.write_ids(out, ids)


def _near_copies(counts: Sequence[Path], given: Given, out: Path) -> None:
    ids = verdicts.Ids(counts)
    found = minhash.merge(counts, _minhash(given))
    verdicts.write(out, ((document, f"{agreement:.3f} {ids[kept]}") for document, kept, agreement in found))


# ---- lines ------------------------------------------------------------------------------------


def _count_documents(pages: Iterator[Page], given: Given, out: Path) -> None:
    (out / _COUNTED).write_text(str(sum(1 for _ in pages)))


def _number_them(counts: Sequence[Path], given: Given, out: Path) -> None:
    firsts = [0]
    for folder in counts:
        firsts.append(firsts[-1] + int((folder / _COUNTED).read_text()))
    (out / _FIRST).write_text("\n".join(map(str, firsts)))


def _first(given: Given) -> int:
    return int((given.answers[0] / _FIRST).read_text().split("\n")[given.shard])


def _count_lines(pages: Iterator[Page], given: Given, out: Path) -> None:
    lines.count((page.text for page in pages), _first(given), given.settings["by"]["per"], out / "lines.npy")


def _often(counts: Sequence[Path], given: Given, out: Path) -> None:
    more_than = given.settings["by"]["more_than"]
    lines.merge([folder / "lines.npy" for folder in counts], more_than, out / _OFTEN)


def _without_lines(pages: Iterator[Page], given: Given) -> Filtered:
    per, bucket, gone = given.settings["by"]["per"], -1, dict[int, int]()
    for number, page in enumerate(pages, _first(given)):
        if number // per != bucket:
            bucket = number // per
            gone = lines.often(given.answers[1] / _OFTEN, bucket)
        text, dropped = lines.without(page.text, gone)
        if not dropped:
            yield page
            continue
        said = max(count for _, count in dropped)
        sample = "\n".join(line for line, _ in dropped)
        if text.strip():
            yield page.lost("repeated lines", said, sample)
            yield page.but(text)
        else:
            yield page.dropped("only repeated lines", said)
