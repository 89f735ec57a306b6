"""The journal: whole lines, whatever was cut off before them."""

import errno
import json
import os
from pathlib import Path

import pytest

from lehr.runtime.engine.events import NAME, Event, Journal, tail


def told(folder: Path) -> list[tuple[int, str]]:
    return [(event.serial, event.event) for event in tail(folder)]


def say(folder: Path, *events: str) -> None:
    journal = Journal(folder)
    for event in events:
        journal.say("text", event, {"n": 1})
    journal.close()


def test_events_are_numbered_across_runs(tmp_path: Path):
    say(tmp_path, "started", "done")
    say(tmp_path, "kept")
    assert told(tmp_path) == [(0, "started"), (1, "done"), (2, "kept")]


def test_a_line_says_all(tmp_path: Path):
    say(tmp_path, "started")
    line = json.loads((tmp_path / NAME).read_text())
    assert set(line) == {"serial", "time", "monotonic", "step", "event", "facts"}
    assert line["time"].endswith("+00:00")


def test_who_listens_hears_what_is_written(tmp_path: Path):
    heard: list[Event] = []
    journal = Journal(tmp_path, heard.append)
    journal.say("text", "progress", {"step": 3, "word": "näh \ud800"})
    journal.close()
    assert [(event.event, event.facts["step"]) for event in heard] == [("progress", 3)]
    assert tail(tmp_path)[0].facts["word"] == "näh ?"


def test_a_tail_torn_at_any_byte_costs_that_line_alone(tmp_path: Path):
    say(tmp_path, "started", "torn")
    whole = (tmp_path / NAME).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole) - 1):
        (tmp_path / NAME).write_bytes(whole[:cut])
        assert told(tmp_path) == [(0, "started")]
        say(tmp_path, "next", "later")
        assert told(tmp_path) == [(0, "started"), (1, "next"), (2, "later")]


def test_a_line_that_lacks_only_its_end_is_kept_and_its_number_not_given_twice(tmp_path: Path):
    say(tmp_path, "started", "torn")
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes()[:-1])
    assert told(tmp_path) == [(0, "started")]
    say(tmp_path, "next")
    assert told(tmp_path) == [(0, "started"), (1, "torn"), (2, "next")]


@pytest.mark.parametrize(
    "rest",
    [
        b"\0" * 512,
        b"[1, 2]\n",
        b'{"serial": "x"}\n',
        b'{"serial": "9", "time": "2026-01-01", "monotonic": 0, "step": "", "event": "", "facts": {}}\n',
        b'{"serial": 9, "time": "yesterday", "monotonic": 0, "step": "", "event": "", "facts": {}}\n',
        b"[" * 10_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_event_is_passed_over(tmp_path: Path, rest: bytes):
    say(tmp_path, "started")
    with (tmp_path / NAME).open("ab") as file:
        file.write(rest)
    say(tmp_path, "next")
    assert told(tmp_path) == [(0, "started"), (1, "next")]


def test_a_long_event_does_not_hide_the_others(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.say("text", "started", {})
    journal.say("text", "done", {"facts": "x" * 300_000})
    journal.close()
    assert told(tmp_path)[-1] == (1, "done")
    say(tmp_path, "next")
    assert told(tmp_path)[-1] == (2, "next")


def test_only_the_end_of_a_long_journal_is_read(tmp_path: Path):
    say(tmp_path, *["progress"] * 2000)
    found = told(tmp_path)
    assert found[-1] == (1999, "progress")
    assert len(found) < 1000


def test_after_a_write_that_came_through_in_part_the_next_event_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    journal = Journal(tmp_path)
    write, left = os.write, [30]

    def half(descriptor: int, content: bytes) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, content[: left[0]])
        left[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="No space left"):
            journal.say("text", "lost", {})
    journal.say("text", "next", {})
    journal.close()
    assert told(tmp_path) == [(0, "next")]


def test_a_folder_without_events_has_none(tmp_path: Path):
    assert tail(tmp_path) == []


def test_a_link_in_the_journals_place_is_not_followed(tmp_path: Path):
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Journal(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
