"""Leave out pages whose robots.txt said no when they were fetched.

What it said is in the crawl: as a page of its own at `/robots.txt`, or with each page in
`robots`.  RFC 9309 says what an answer means: of 400 to 499 there is no such file and all
is allowed; of 500 to 599 nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .filter import Filtered, Given, Page, Round

_MOST = 500 * 1024
"""Bytes of a robots.txt that count, as RFC 9309 asks at least."""


def rounds(given: Given) -> Sequence[Round]:
    return (Round(_count, _merge),)


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    agent, missing = given.settings["agent"], given.settings["missing"]
    known: dict[str, dict[str, Any]] = json.loads((given.answers[0] / "robots.json").read_bytes())
    for page in pages:
        url = str(page.meta.get("url", ""))
        if is_robots(url):
            yield page.dropped("a robots.txt itself", site(url))
            continue
        rules = _with(page) or known.get(site(url))
        if rules is None:
            yield page if missing == "keep" else page.dropped("no robots.txt on record", site(url))
        elif allows(rules["text"], rules["status"], url, agent):
            yield page
        else:
            yield page.dropped("not allowed", url)


def is_robots(url: str) -> bool:
    return urlsplit(url).path == "/robots.txt"


def site(url: str) -> str:
    """Scheme, host and port: what one robots.txt is about."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def allows(text: str, status: int, url: str, agent: str) -> bool:
    if 400 <= status < 500:
        return True
    return status < 500 and _parsed(text).can_fetch(url, agent)


@cache
def _parsed(text: str) -> Any:
    from protego import Protego

    return Protego.parse(text[:_MOST])


def _with(page: Page) -> dict[str, Any] | None:
    said = page.meta.get("robots")
    return {"text": said, "status": 200} if isinstance(said, str) else None


# ---- what the crawl holds of them ----------------------------------------------------------


def _count(pages: Iterator[Page], given: Given, out: Path) -> None:
    found: dict[str, dict[str, Any]] = {}
    for page in pages:
        url = str(page.meta.get("url", ""))
        if is_robots(url):
            one = {"date": str(page.meta.get("date", "")), "text": page.text[:_MOST], "status": _status(page)}
            found[site(url)] = max(found.get(site(url), one), one, key=_newest)
    _write(out, found)


def _merge(counts: Sequence[Path], given: Given, out: Path) -> None:
    """The last answer of each site in the crawl."""
    found: dict[str, dict[str, Any]] = {}
    for folder in counts:
        for name, one in json.loads((folder / "robots.json").read_bytes()).items():
            found[name] = max(found.get(name, one), one, key=_newest)
    _write(out, found)


def _newest(one: dict[str, Any]) -> tuple[str, int, str]:
    return one["date"], one["status"], one["text"]


def _status(page: Page) -> int:
    told = page.meta.get("status", 200)
    return told if isinstance(told, int) else 200


def _write(out: Path, found: dict[str, dict[str, Any]]) -> None:
    (out / "robots.json").write_text(json.dumps(dict(sorted(found.items()))))
