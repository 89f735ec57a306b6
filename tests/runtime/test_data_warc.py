"""WARC files as corpora: which answers are pages, what is told of them, and what a wrong length costs."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from lehr.runtime.parts.data.reader import Bad, Record, read
from lehr.runtime.parts.data.warc import pages

HTML = b"<html><p>page %d</p></html>"


def answer(number: int, body: bytes = b"", wrong: int = 0, head: str = "", **told: str) -> bytes:
    """A record of a crawl; `wrong` is how far its length is off."""
    body = body or HTML % number
    status, kind = told.get("status", "200 OK"), told.get("kind", "text/html")
    http = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    url = told.get("url", f"http://a.org/{number}")
    lines = ["WARC/1.0", f"WARC-Type: {told.get('type', 'response')}", f"WARC-Target-URI: {url}"]
    lines += ["WARC-Date: 2024-01-01T00:00:00Z", "Content-Type: application/http; msgtype=response"]
    lines += [f"Content-Length: {len(http) + wrong}", "", ""]
    return "\r\n".join(lines).encode() + http + b"\r\n\r\n"


def said(raw: bytes, piece: int = 50, most: int = 1 << 20) -> list[tuple[int, str]]:
    def parts() -> Iterator[bytes]:
        return (raw[at : at + piece] for at in range(0, len(raw), piece))

    found = pages(parts(), most)
    return [(number, str(one) if isinstance(one, ValueError) else one.text) for number, one in found]


def test_pages_with_what_is_known_of_them(tmp_path: Path):
    raw = gzip.compress(answer(1)) + gzip.compress(answer(2, type="request")) + gzip.compress(answer(3))
    (tmp_path / "a.warc.gz").write_bytes(raw)
    found = list(read("a.warc.gz", "text", tmp_path))
    assert [(one.id, one.text) for one in found if isinstance(one, Record)] == [
        ("a.warc.gz:1", "<html><p>page 1</p></html>"),
        ("a.warc.gz:3", "<html><p>page 3</p></html>"),
    ]
    assert isinstance(found[0], Record)
    about = {"url": "http://a.org/1", "date": "2024-01-01T00:00:00Z", "type": "text/html", "status": 200}
    assert found[0].meta == about


@pytest.mark.parametrize("wrong", [5, -5, -20, 300, 100_000])
@pytest.mark.parametrize("piece", [7, 4096])
def test_a_wrong_length_costs_its_own_record(wrong: int, piece: int):
    found = said(answer(1) + answer(2, wrong=wrong) + answer(3) + answer(4), piece)
    assert [number for number, text in found if text.startswith("<html>")] == [1, 3, 4]
    assert "wrong length" in found[1][1]


def test_a_record_that_is_cut_off_and_what_is_no_record():
    assert [text[:10] for _, text in said((answer(1) + answer(2))[:-40])] == ["<html><p>p", "is cut off"]
    assert said(b"rubbish" + answer(1))[0] == (1, "is no WARC record")
    assert said(b"rubbish" + answer(1))[1][1].startswith("<html>")


def test_what_is_no_page():
    raw = answer(1, status="404 Not Found") + answer(2, kind="image/png") + answer(3, type="metadata")
    assert said(raw) == []


def test_a_robots_txt_is_there_whatever_its_status():
    raw = answer(1, b" ", url="http://a.org/robots.txt", status="503 Service Unavailable", kind="text/html")
    (found,) = (one for _, one in pages(iter([raw]), 1 << 20))
    assert not isinstance(found, ValueError)
    assert (found.text, found.meta["status"]) == ("# 503", 503)


def test_packed_bodies_and_bombs():
    small, bomb = gzip.compress(HTML % 2), gzip.compress(b"0" * (3 << 20))
    packed = "Content-Encoding: gzip\r\n"
    found = said(answer(1) + answer(2, small, head=packed) + answer(3, bomb, head=packed) + answer(4))
    assert [text for _, text in found[:2]] == ["<html><p>page 1</p></html>", "<html><p>page 2</p></html>"]
    assert found[2] == (3, "is longer than 1 MiB")
    assert found[3][0] == 4


def test_characters_are_what_the_server_or_the_page_says():
    latin = "<meta charset=iso-8859-1>Größe".encode("latin-1")
    assert said(answer(1, latin))[0][1].endswith("Größe")
    assert said(answer(1, "Größe".encode("latin-1"), kind="text/html; charset=latin-1"))[0][1] == "Größe"
    assert said(answer(1, b"\xff\xfe\xfd"))[0][1] == "is no UTF-8: byte 1"


def test_a_file_that_breaks_off_tells_behind_which_record(tmp_path: Path):
    noise = Random(1)
    raw = b"".join(
        gzip.compress(answer(number, noise.randbytes(20_000).hex().encode())) for number in range(20)
    )
    (tmp_path / "a.warc.gz").write_bytes(raw[:-30])
    found = []
    with pytest.raises(Exception, match=r"a\.warc\.gz is damaged.* after record") as caught:
        found.extend(read("a.warc.gz", "text", tmp_path))
    assert len(found) >= 16
    assert not any(isinstance(one, Bad) for one in found)
    assert caught.typename == "Unreadable"
