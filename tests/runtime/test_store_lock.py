"""One process per run folder."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lehr.runtime.errors import Refusal
from lehr.runtime.store.lock import is_held, locked

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@contextmanager
def child(deed: Callable[[Callable[[], None]], None]) -> Iterator[int]:
    """A child in which `deed` goes on; we go on here when it has called what it is given."""
    ready, told = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            deed(lambda: os.write(told, b"!") and None)
        finally:
            os._exit(0)
    os.close(told)
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def holds(folder: Path) -> Callable[[Callable[[], None]], None]:
    def deed(ready: Callable[[], None]) -> None:
        with locked(folder):
            ready()
            signal.pause()

    return deed


def test_a_second_process_is_refused_with_the_name_of_the_first(tmp_path: Path):
    with child(holds(tmp_path)) as pid:
        assert is_held(tmp_path)
        with pytest.raises(Refusal) as refused, locked(tmp_path):
            pass
    letter = refused.value
    assert (letter.code, letter.name, letter.exit_code) == ("RUN102", "run-folder-locked", 2)
    assert f"process {pid} on {os.uname().nodename}, since 20" in letter.headline


def test_a_killed_holder_holds_nothing(tmp_path: Path):
    with child(holds(tmp_path)):
        pass
    assert not is_held(tmp_path)
    with locked(tmp_path):
        assert is_held(tmp_path)


def test_the_lock_is_free_afterwards_also_when_something_was_raised(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    assert not is_held(tmp_path)


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(tmp_path: Path):
    def outlive(ready: Callable[[], None]) -> None:
        ready()
        signal.pause()

    with locked(tmp_path):
        alive = child(outlive)
        alive.__enter__()
        assert is_held(tmp_path)
    try:
        assert not is_held(tmp_path)
        with locked(tmp_path):
            pass
    finally:
        alive.__exit__(None, None, None)


def test_a_holder_without_a_name_is_another_process(tmp_path: Path):
    with child(holds(tmp_path)):
        (tmp_path / "lock").write_bytes(b"{}")
        with pytest.raises(Refusal, match="in use by another process"), locked(tmp_path):
            pass


def test_a_folder_that_is_not_there_is_made_and_not_held(tmp_path: Path):
    assert not is_held(tmp_path / "a/b")
    with locked(tmp_path / "a/b"):
        assert is_held(tmp_path / "a/b")


def test_a_link_in_the_locks_place_is_not_followed(tmp_path: Path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()
