"""Files that are whole or absent, and artifacts that are what they say."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from errands import forked

from lehr.runtime.store import manifest
from lehr.runtime.store.artifact import Store
from lehr.runtime.store.atomic import TEMPORARY, make_folder, remove_folder, sweep, write_bytes, write_json

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

PRINT, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "artifacts")


def commit(store: Store, fingerprint: str = PRINT, text: str = "one\n") -> Path:
    with store.room() as room:
        (room / "deep").mkdir()
        (room / "deep/one.txt").write_text(text)
        (room / "deep/manifest.json").write_text("{}")
        return store.commit(room, fingerprint, {"facts": {"lines": 1}})


def inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- single files -------------------------------------------------------------------


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    write_bytes(tmp_path / "a", b"old")
    write_bytes(tmp_path / "a", b"new")
    assert (inside(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"new")


@pytest.mark.parametrize(("fault", "code"), [("kill", -signal.SIGKILL), ("enospc", 70)])
def test_a_replacement_that_fails_leaves_the_old_file(
    tmp_path: Path, fault: str, code: int, capfd: pytest.CaptureFixture[str]
):
    write_bytes(tmp_path / "a", b"old")
    assert forked(lambda: write_bytes(tmp_path / "a", b"new"), LEHR_FAULT=f"replace:a={fault}") == code
    assert (tmp_path / "a").read_bytes() == b"old"
    sweep(tmp_path)
    assert inside(tmp_path) == ["a"]


def test_json_is_written_in_one_way_and_holds_no_nan(tmp_path: Path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [0.5]})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    0.5\n  ],\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert inside(tmp_path) == ["a.json"]


def test_folders_are_made_and_removed(tmp_path: Path):
    make_folder(tmp_path / "a/b/c")
    make_folder(tmp_path / "a/b/c")
    (tmp_path / "a/b/c/file").write_text("")
    remove_folder(tmp_path / "a")
    assert inside(tmp_path) == []


def test_a_sweep_takes_what_is_temporary_and_nothing_else(tmp_path: Path):
    (tmp_path / "kept").write_text("kept")
    (tmp_path / f"{TEMPORARY}file").write_text("")
    (tmp_path / f"{TEMPORARY}folder/deep").mkdir(parents=True)
    (tmp_path / f"{TEMPORARY}link").symlink_to(tmp_path / "kept")
    sweep(tmp_path)
    sweep(tmp_path / "absent")
    assert inside(tmp_path) == ["kept"]


# ---- artifacts ----------------------------------------------------------------------


def test_an_artifact_is_found_by_its_address_when_it_is_whole(store: Store):
    assert store.find(PRINT) is None
    folder = commit(store)
    assert (store.find(PRINT), folder) == (store.root / PRINT, store.root / PRINT)
    assert store.altered(PRINT) == []
    assert store.facts(PRINT) == {"lines": 1}
    assert inside(store.root) == [PRINT]


def test_the_manifest_names_every_file_with_its_size_and_sum(store: Store):
    document = json.loads((commit(store) / "manifest.json").read_text())
    assert (document["version"], document["fingerprint"]) == (1, PRINT)
    assert document["files"] == {
        "deep/manifest.json": {
            "bytes": 2,
            "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        },
        "deep/one.txt": {
            "bytes": 4,
            "sha256": "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806",
        },
    }


def test_a_room_that_is_left_without_a_commit_is_gone(store: Store):
    with store.room() as room:
        (room / "half").write_text("half")
        assert inside(store.root) == [room.name]
    assert inside(store.root) == []


def test_same_address_same_bytes_the_first_is_kept(store: Store):
    before = commit(store).stat().st_ino
    assert commit(store).stat().st_ino == before
    assert inside(store.root) == [PRINT]


def test_a_commit_puts_an_altered_artifact_aside(store: Store):
    (commit(store) / "deep/one.txt").write_text("two\n")
    commit(store)
    (aside,) = store.root.glob(f"{PRINT}.altered-*")
    assert (aside / "deep/one.txt").read_text() == "two\n"
    assert store.altered(PRINT) == []


def test_files_that_came_out_differently_are_named(store: Store):
    commit(store)
    with store.room() as room:
        (room / "deep").mkdir()
        (room / "deep/one.txt").write_text("one\n")
        assert store.differing(room, PRINT) == ["deep/manifest.json"]
        assert store.differing(room, OTHER) == []


def test_every_flipped_bit_is_seen(store: Store):
    path = commit(store) / "deep/one.txt"
    for bit in range(8 * path.stat().st_size):
        content = bytearray(b"one\n")
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        assert store.altered(PRINT) == ["deep/one.txt"]
    path.write_bytes(b"one\n")
    assert store.altered(PRINT) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"files": []}',
        b'{"files": {}}',
        b"[" * 10_000,
        b'{"fingerprint": "' + OTHER.encode() + b'", "files": {}}',
    ],
)
def test_a_manifest_that_is_none_or_anothers_is_what_was_altered(store: Store, content: bytes):
    (commit(store) / "manifest.json").write_bytes(content)
    assert store.altered(PRINT) == ["manifest.json"]


@pytest.mark.parametrize("entry", [None, {}, 3, {"bytes": 4}, {"bytes": 4, "sha256": 7}])
def test_an_entry_that_is_none_is_an_altered_file(store: Store, entry: object):
    folder = commit(store)
    document = json.loads((folder / "manifest.json").read_text())
    document["files"] |= {"deep/one.txt": entry, "nul\0": entry}
    (folder / "manifest.json").write_text(json.dumps(document))
    assert store.altered(PRINT) == ["deep/one.txt", "nul\0"]


@pytest.mark.parametrize(
    ("point", "is_there"), [("manifest", False), ("before-rename", False), ("after-rename", True)]
)
def test_a_killed_commit_leaves_all_or_nothing(store: Store, point: str, is_there: bool):
    assert forked(lambda: commit(store), LEHR_FAULT=f"{point}=kill") == -signal.SIGKILL
    assert (store.find(PRINT) is not None) == is_there
    store.sweep()
    assert inside(store.root) == ([PRINT] if is_there else [])
    commit(store)
    assert store.altered(PRINT) == []


def test_a_sweep_spares_the_rooms_of_the_living(store: Store):
    with store.room() as mine:
        assert forked(store.sweep) == 0
        assert mine.is_dir()


def test_two_that_finish_at_once_leave_one_sound_artifact(store: Store):
    children = [_start(lambda: [commit(store, f"{n:064}") for n in range(20)]) for _ in range(3)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert inside(store.root) == [f"{n:064}" for n in range(20)]
    assert [store.altered(f"{n:064}") for n in range(20)] == [[]] * 20


def _start(deed: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        os._exit(forked(deed))
    return child


def test_sealing_covers_empty_folders(tmp_path: Path):
    (tmp_path / "room/empty").mkdir(parents=True)
    manifest.seal(tmp_path / "room", {})
    assert manifest.altered(tmp_path / "room") == []
