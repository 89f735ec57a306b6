"""One reader for files of one's own: what it yields, what it refuses, and in how much memory."""

import gzip
import json
import os
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.runtime.parts.data import reader
from lehr.runtime.parts.data.kinds import READ, kind_of
from lehr.runtime.parts.data.reader import Record, Unreadable, read

LINES = b'{"text": "one", "url": "u"}\n\n{"text": "two"}\n'


def packed(content: bytes, ending: str) -> bytes:
    match ending:
        case ".gz":
            return gzip.compress(content)
        case ".zst":
            return pa.compress(content, codec="zstd", asbytes=True)
        case _:
            return content


def said(folder: Path, file: str, content: bytes | None = None) -> list[Any]:
    """Texts in order; what is bad as (line, why)."""
    if content is not None:
        (folder / file).write_bytes(content)
    return [
        one.text if isinstance(one, Record) else (one.line, one.why) for one in read(file, "text", folder)
    ]


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_json_lines_are_read_plain_and_compressed(tmp_path: Path, ending: str) -> None:
    file = f"a.jsonl{ending}"
    (tmp_path / file).write_bytes(packed(LINES, ending))
    assert list(read(file, "text", tmp_path)) == [
        Record(f"{file}:1", "one", {"url": "u"}, file, 1),
        Record(f"{file}:3", "two", {}, file, 3),
    ]


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_a_text_file_is_one_document(tmp_path: Path, ending: str) -> None:
    assert said(tmp_path, f"a.txt{ending}", packed("Zeile 1\nZeile 2 ü\n".encode(), ending)) == [
        "Zeile 1\nZeile 2 ü\n"
    ]


def test_a_compressed_file_may_have_several_members(tmp_path: Path) -> None:
    assert said(tmp_path, "a.jsonl.gz", gzip.compress(LINES) + gzip.compress(LINES)) == ["one", "two"] * 2
    assert said(tmp_path, "a.jsonl.zst", packed(LINES, ".zst") + packed(LINES, ".zst")) == ["one", "two"] * 2


def test_a_parquet_file_is_read_by_rows(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2], "text": ["one", "two"], "vector": [[0.5], [1.5]]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert list(read("a.parquet", "text", tmp_path)) == [
        Record("a.parquet:1", "one", {"n": 1}, "a.parquet", 1),
        Record("a.parquet:2", "two", {"n": 2}, "a.parquet", 2),
    ]


def test_a_line_that_crosses_a_chunk_is_one_line(tmp_path: Path) -> None:
    texts = ["x" * (3 << 20), "y", "z" * (1 << 20)]
    content = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    assert said(tmp_path, "a.jsonl", content) == texts
    assert said(tmp_path, "b.jsonl", content.rstrip(b"\n")) == texts


BAD = {
    b'{"text": "\xff"}': "is no UTF-8: byte 11",
    b"[1]": "is no JSON object",
    b'{"text": "a"': "is no JSON: expecting ',' delimiter at character 13",
    b'{"body": "a"}': "has no field `text`",
    b'{"text": null}': "has no text in `text`, but null",
    b'{"text": 3}': "has no text in `text`, but a number",
    b'{"text": true}': "has no text in `text`, but true or false",
    b'{"text": ["a"]}': "has no text in `text`, but a list",
    b'{"text": "a\\u0000b"}': "has a NUL in `text`",
    b'{"text": "\\ud800"}': "has half a character in `text`",
    b'{"text": "a", "text": "b"}': "says `text` twice",
    b'{"text": "a", "n": NaN}': "holds NaN, which is no JSON number",
    b'{"text": "a", "n": ' + b"9" * 5000 + b"}": "",
    b'{"text": ' + b"[" * 100_000: "is nested too deeply",
}


@pytest.mark.parametrize("line", BAD, ids=[str(line[:30]) for line in BAD])
def test_a_bad_record_is_told_by_its_line_and_the_next_is_read(tmp_path: Path, line: bytes) -> None:
    first, (at, why), last = said(tmp_path, "a.jsonl", b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n')
    assert (first, at, last) == ("a", 2, "b")
    assert why == BAD[line] or (not BAD[line] and "digits" in why)


def test_bad_rows_and_texts_are_told_too(tmp_path: Path) -> None:
    raw = pa.array([b"ok", b"\xff", None, b"a\0b"], pa.binary()).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"text": raw}), tmp_path / "a.parquet")
    assert said(tmp_path, "a.parquet") == [
        "ok",
        (2, "is no UTF-8: byte 1"),
        (3, "has no text in `text`, but null"),
        (4, "has a NUL in `text`"),
    ]
    assert said(tmp_path, "a.txt", b"one\ntwo \xff") == [(2, "is no UTF-8: byte 9")]


@given(
    st.lists(
        st.binary(max_size=60) | st.text(max_size=30).map(lambda text: json.dumps({"text": text}).encode())
    )
)
def test_whatever_stands_in_a_line_the_others_are_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    folder = tmp_path_factory.mktemp("fuzz")
    content = b"\n".join(line + b'\n{"text": "sound"}' for line in lines)
    found = said(folder, "a.jsonl", content)
    assert found.count("sound") >= len(lines)
    assert all(isinstance(one, str) or one[0] % 2 for one in found)  # the sound ones stand on even lines


@given(
    content=st.binary(max_size=200),
    ending=st.sampled_from([".jsonl.gz", ".jsonl.zst", ".parquet", ".arrow", ".txt"]),
)
def test_a_file_of_any_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    with suppress(Unreadable):
        assert all(isinstance(one, str | tuple) for one in said(folder, f"a{ending}", content))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_cut_off_file_is_refused(tmp_path: Path, ending: str, cut: int) -> None:
    content = packed(LINES * 20, ending)[:cut]
    with pytest.raises(Unreadable, match="damaged"):
        said(tmp_path, f"a.jsonl{ending}", content)


def test_a_parquet_file_without_the_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(Unreadable, match=r"a\.parquet has no column `text`; it has body, n"):
        said(tmp_path, "a.parquet")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", "lines"),
        ("A.JSONL.GZ", "lines"),
        ("a.json.zst", "lines"),
        ("a.parquet", "rows"),
        ("a.parquet.gz", ".parquet.gz"),
        ("a.arrow", "batches"),
        ("a.feather", "batches"),
        ("a.arrow.gz", ".arrow.gz"),
        ("a.b.txt", "text"),
        ("README", "text"),
        ("a.md.gz", "text"),
        ("a.warc.gz", "pages"),
        ("a.warc.wet.zst", "pages"),
        ("a.tar", ".tar"),
        ("a.PNG", ".png"),
        ("a.tar.gz", ".tar"),
    ],
)
def test_a_kind_is_told_by_the_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind
    assert (kind in READ) is not kind.startswith(".")


# ---- what must not be read ---------------------------------------------------------------


@pytest.mark.parametrize(
    "way", ["../out.txt", "/etc/hostname", "a/../../out.txt", "link.txt", "folder/out.txt"]
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, way: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "out.txt").write_text("secret")
    (inside / "link.txt").symlink_to(tmp_path / "out.txt")
    (inside / "folder").symlink_to(tmp_path)
    with pytest.raises(Unreadable, match="leads out of the working folder"):
        said(inside, way)


def test_a_link_may_lead_elsewhere_inside(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_text("a")
    (tmp_path / "link").symlink_to("deep")
    assert said(tmp_path, "link/a.txt") == ["a"]


def test_a_device_or_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(Unreadable, match="is no file"):
        said(tmp_path, "a.txt")


# ---- memory --------------------------------------------------------------------------------

MEASURED = """
import resource, sys
from pathlib import Path
from lehr.runtime.parts.data.reader import Record, Unreadable, read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for one in read(sys.argv[1], "text", Path()):
        print("text" if isinstance(one, Record) else one.why)
except Unreadable as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def measured(folder: Path, file: str) -> tuple[set[str], int]:
    """What was said of a file, and by how many MiB the process grew."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, file], cwd=folder, capture_output=True, text=True, check=True
    )
    *told, grown = done.stdout.splitlines()
    return set(told), int(grown)


def bomb(path: Path, size: int) -> None:
    """Blanks, packed a thousand to one."""
    work = zlib.compressobj(9, wbits=31)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(work.compress(b" " * (1 << 20)))
        file.write(work.flush())


def test_a_line_of_a_gibibyte_takes_no_memory(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"text": "')
        file.truncate(1 << 30)  # a hole in the file: zeros that take no room on the disk
    told, grown = measured(tmp_path, "a.jsonl")
    assert told == {"is longer than 32 MiB"}
    assert grown < 150


def test_a_bomb_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    bomb(tmp_path / "a.jsonl.gz", 200 << 20)
    (tmp_path / "a.jsonl.zst").write_bytes(packed(b" " * (200 << 20), ".zst"))
    for file in ("a.jsonl.gz", "a.jsonl.zst"):
        told, grown = measured(tmp_path, file)
        assert told == {f"{file} grows beyond 256 bytes for each byte of the file"}
        assert grown < 150


def test_one_long_text_in_many_rows_is_held_once(tmp_path: Path) -> None:
    text = pa.array(["long " * 200_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), text)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")  # two gigabytes, in 50 kB
    told, grown = measured(tmp_path, "a.parquet")
    assert told == {"text"}
    assert grown < 150


def test_a_record_beyond_the_cap_is_told_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MOST_BYTES", 40)
    lines = [json.dumps({"text": "a" * size}).encode() for size in (5, 500, 6)]
    assert said(tmp_path, "a.jsonl", b"\n".join(lines)) == ["aaaaa", (2, "is longer than 0 MiB"), "aaaaaa"]
    assert said(tmp_path, "a.txt", b"a" * 41) == [(1, "is longer than 0 MiB")]
