"""Arrow files and streams as corpora: read in batches, refused where they lie about their sizes."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.runtime.parts.data import arrow
from lehr.runtime.parts.data.reader import Record, Unreadable, read

TABLE = pa.table({"n": [1, 2, 3], "text": ["one", "two", "drei ü"], "vector": [[0.5], [1.5], []]})


def written(table: pa.Table, form: str = "stream", packing: str | None = None, rows: int = 2) -> bytes:
    made, options = io.BytesIO(), pa.ipc.IpcWriteOptions(compression=packing)
    writer = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with writer(made, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=rows)
    return made.getvalue()


def said(folder: Path, content: bytes) -> list[Any]:
    """Texts in order; what is bad as (row, why)."""
    (folder / "a.arrow").write_bytes(content)
    found = read("a.arrow", "text", folder)
    return [one.text if isinstance(one, Record) else (one.line, one.why) for one in found]


@pytest.mark.parametrize("packing", [None, "zstd", "lz4"])
@pytest.mark.parametrize("form", ["stream", "file"])
def test_files_and_streams_are_read_by_rows(tmp_path: Path, form: str, packing: str | None) -> None:
    (tmp_path / "a.feather").write_bytes(written(TABLE, form, packing))
    texts = ("one", "two", "drei ü")
    assert list(read("a.feather", "text", tmp_path)) == [
        Record(f"a.feather:{row}", text, {"n": row}, "a.feather", row) for row, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_a_text_may_be_stored_in_any_of_arrows_ways(tmp_path: Path, kind: pa.DataType) -> None:
    column = pa.array(["one", "two", "one"]).cast(kind)
    assert said(tmp_path, written(pa.table({"text": column}))) == ["one", "two", "one"]


def test_bad_rows_are_told_by_their_number(tmp_path: Path) -> None:
    raw = pa.array([b"ok", b"\xff", None, b"a\0b"], pa.binary()).cast(pa.string(), safe=False)
    assert said(tmp_path, written(pa.table({"text": raw}))) == [
        "ok",
        (2, "is no UTF-8: byte 1"),
        (3, "has no text in `text`, but null"),
        (4, "has a NUL in `text`"),
    ]


@pytest.mark.parametrize("form", ["stream", "file"])
def test_one_that_was_cut_off_is_refused_wherever_that_was(tmp_path: Path, form: str) -> None:
    whole = written(TABLE, form)
    for end in range(0, len(whole), 8):
        with pytest.raises(Unreadable, match=r"cut off|no Arrow file"):
            said(tmp_path, whole[:end])


def test_what_is_no_arrow_or_lacks_the_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"a\.arrow is no Arrow file, nor a stream of Arrow's"):
        said(tmp_path, b"PAR1 and more")
    with pytest.raises(Unreadable, match=r"a\.arrow has no column `text`; it has n"):
        said(tmp_path, written(TABLE.select(["n"])))


def test_a_batch_that_swells_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = written(pa.table({"text": pa.array([" " * (100 << 20)])}), packing="zstd")
    assert len(bomb) < 1 << 20
    before = pa.total_allocated_bytes()
    with pytest.raises(Unreadable, match="holds 100 MiB in one batch"):
        said(tmp_path, bomb)
    assert pa.total_allocated_bytes() <= before


def test_offsets_that_lead_out_of_a_batch_are_seen(tmp_path: Path) -> None:
    """`text` of three rows: its offsets are 0, 3, 6, 13 in a row of 32-bit numbers."""
    whole = written(TABLE.select(["text"]), rows=3)
    offsets = b"".join(number.to_bytes(4, "little") for number in (0, 3, 6, 13))
    assert whole.count(offsets) == 1
    for wild in (1 << 30, 2**32 - 5):
        content = whole.replace(offsets, offsets[:8] + wild.to_bytes(4, "little") + offsets[12:])
        with pytest.raises(Unreadable, match="damaged"):
            said(tmp_path, content)


@given(
    at=st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=4),
    form=st.sampled_from(["stream", "file"]),
    packing=st.sampled_from([None, "zstd"]),
)
def test_one_with_flipped_bits_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: list[tuple[int, int]], form: str, packing: str | None
) -> None:
    content = bytearray(written(TABLE, form, packing))
    for place, flip in at:
        content[place % len(content)] ^= flip
    with suppress(Unreadable):
        said(tmp_path_factory.mktemp("fuzz"), bytes(content))


def test_what_is_looked_at_is_one_batch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file larger than the cap is read, if its batches are not."""
    monkeypatch.setattr(arrow, "MOST", 3000)
    table = pa.table({"text": ["x" * 1000] * 20})
    assert len(said(tmp_path, written(table, rows=2))) == 20
    with pytest.raises(Unreadable, match="in one batch"):
        said(tmp_path, written(table, rows=10))
