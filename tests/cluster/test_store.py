"""The store: append-only, durable before it is acknowledged, one owner; refusals leave nothing."""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.storage import log_file
from cluster.storage.location import parse_location
from cluster.storage.mirror import hold
from cluster.store import Store
from search_spaces.errors import BadInput
from search_spaces.record import (
    EVENTS,
    LOG_FILE,
    OWNER_FILE,
    SPEC_FILE,
    TAKEN_UP,
    TRIALS_FOLDER,
)

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from cluster.store import Store
store = Store.open(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(300)
"""


def lines(folder: Path) -> list[str]:
    return (folder / LOG_FILE).read_text(encoding="utf-8").splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep directory that nobody holds."""
    with Store.create(tmp_path / "sweep", "name: x\n") as store:
        store.append("sweep", name="x")
    return tmp_path / "sweep"


@pytest.fixture
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


# ---- appending -----------------------------------------------------------------------------


def test_every_event_is_one_line_after_those_before(folder: Path) -> None:
    before = (folder / LOG_FILE).read_bytes()
    with Store.open(folder) as store:
        for trial in ("a", "b"):
            returned = store.append("started", trial=trial, said="tab\t, line\n, Å")
            now = (folder / LOG_FILE).read_bytes()
            assert now.startswith(before) and now.endswith(b"\n")
            assert now.count(b"\n") == before.count(b"\n") + 1
            before = now
            assert returned["trial"] == trial
        events = store.read().events
    assert [e["event"] for e in events] == ["sweep", "started", "started"]
    assert events[-1]["said"] == "tab\t, line\n, Å"
    assert events[0]["time"] <= events[1]["time"] <= events[2]["time"]


def test_an_event_is_on_disk_before_it_is_acknowledged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fsync` is called on the log, after the whole line is in the file, before `append` ends."""
    seen: list[tuple[str, str]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{handle}"))
        seen.append((place.name, lines(folder)[-1]))
        real(handle)

    with Store.open(folder) as store:
        monkeypatch.setattr(os, "fsync", fsync)
        store.append("point", trial="a", row={"depth": 1})
        assert len(seen) == 1
        name, last = seen[0]
        assert name == LOG_FILE and json.loads(last)["row"] == {"depth": 1}


@pytest.mark.parametrize("failing", ["fsync", "write"])
def test_what_could_not_be_written_is_not_acknowledged(
    failing: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: one line, no half of an event, nothing after it until the store is opened anew.

    The sweep that goes on with free space finds every event that was acknowledged.
    """
    real = os.write

    def fails(handle: int, data: bytes = b"") -> int:
        if data:
            real(handle, data[:9])
        raise OSError(28, "No space left on device")

    with Store.open(folder) as store:
        store.append("started", trial="a")
        before = lines(folder)
        monkeypatch.setattr(os, failing, fails)
        with pytest.raises(BadInput, match=r"log\.jsonl.*No space left.*ratefront resume") as said:
            store.append("done", trial="a")
        assert "\n" not in str(said.value) and store.fault is said.value
        monkeypatch.undo()
        with pytest.raises(BadInput, match="No space left"):
            store.append("done", trial="a")
        assert lines(folder) == before
    with Store.open(folder) as store:
        store.append("resumed")
        store.append("done", trial="a")
        log = store.read()
    assert [e["event"] for e in log.events[-3:]] == ["started", "resumed", "done"]
    assert log.torn == 0


def test_numbers_that_are_not_finite_become_null(folder: Path) -> None:
    row: dict[str, Any] = {
        "nan": math.nan, "inf": np.float32(np.inf), "deep": [1.5, {"x": -math.inf}],
        "float": np.float64(0.1), "int": np.int64(7), "yes": np.bool_(True), "path": Path("a/b"),
    }  # fmt: skip
    with Store.open(folder) as store:
        store.append("point", trial="a", row=row)
        kept = store.read().events[-1]["row"]
    assert kept == {
        "nan": None, "inf": None, "deep": [1.5, {"x": None}],
        "float": 0.1, "int": 7, "yes": True, "path": "a/b",
    }  # fmt: skip
    assert not {"NaN", "Infinity"} & set(lines(folder)[-1].replace(":", ",").split(","))


@pytest.mark.parametrize("row", [{"x": object()}, {"x": np.zeros(3)}])
def test_what_is_no_json_leaves_no_half_of_a_line(folder: Path, row: dict[str, Any]) -> None:
    before = (folder / LOG_FILE).read_bytes()
    with Store.open(folder) as store, pytest.raises(TypeError):
        store.append("point", trial="a", row=row)
    assert (folder / LOG_FILE).read_bytes() == before


def test_unknown_events_are_refused(folder: Path) -> None:
    before = (folder / LOG_FILE).read_bytes()
    with Store.open(folder) as store:
        with pytest.raises(ValueError, match="'finish'"):
            store.append("finish")
        for event in EVENTS:
            store.append(event)
    assert (folder / LOG_FILE).read_bytes().startswith(before)


# ---- a torn last line ----------------------------------------------------------------------


@pytest.mark.parametrize("again", TAKEN_UP)
@pytest.mark.parametrize("kept", [1, 20, -2, -1])
def test_a_torn_last_line_is_dropped_and_stays_dropped(folder: Path, kept: int, again: str) -> None:
    whole = b'{"event":"done","time":1.0,"trial":"half"}\n'
    with (folder / LOG_FILE).open("ab") as log:
        log.write(whole[:kept])
    complete = kept == -1  # only the end of the line is missing, so nothing is lost
    with Store.open(folder) as store:
        assert [e["event"] for e in store.read().events] == ["sweep", "done"][: 1 + complete]
        assert store.read().torn == (not complete)
        torn = (folder / LOG_FILE).read_bytes()
        store.append(again, trial="a")
        store.append("started", trial="b")
        assert (folder / LOG_FILE).read_bytes().startswith(torn), "append-only"
    with Store.open(folder) as store:
        log_ = store.read()
    assert log_.torn == (not complete)
    assert [e["event"] for e in log_.events if e["event"] != "done"] == [
        "sweep",
        again,
        "started",
    ]


def test_damage_in_the_middle_is_named_by_its_line(folder: Path) -> None:
    with Store.open(folder) as store:
        store.append("started", trial="a")
        store.append("done", trial="a")
    damaged = lines(folder)
    damaged[1] = damaged[1][:-3]
    (folder / LOG_FILE).write_text("\n".join(damaged) + "\n")
    with pytest.raises(BadInput, match="line 2"):
        Store.open(folder)


# ---- one owner -----------------------------------------------------------------------------


def test_a_second_owner_is_refused_with_the_name_of_the_first(
    folder: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(BadInput, match=f"process {holder.pid} on ") as refused:
        Store.open(folder)
    assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match="resume"):
        Store.create(folder, "")
    assert json.loads((folder / OWNER_FILE).read_text())["pid"] == holder.pid
    assert len(lines(folder)) == 1


def test_a_dead_owner_is_succeeded_at_once(folder: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (folder / OWNER_FILE).exists(), "it had no time to tidy up"
    with Store.open(folder) as store:
        assert json.loads((folder / OWNER_FILE).read_text())["pid"] == os.getpid()
        store.append("resumed")
    assert not (folder / OWNER_FILE).exists()


def test_a_closed_store_can_be_opened_again_in_the_same_process(folder: Path) -> None:
    with Store.open(folder), pytest.raises(BadInput, match=f"process {os.getpid()} "):
        Store.open(folder)
    Store.open(folder).close()


def test_reading_needs_no_ownership(folder: Path, holder: subprocess.Popen[str]) -> None:
    from analysis.log import read_log

    assert holder.poll() is None
    assert read_log(folder).name == "x"


# ---- creating ------------------------------------------------------------------------------


def everything(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def test_a_new_directory_holds_its_spec_before_anything_else(tmp_path: Path) -> None:
    with Store.create(tmp_path / "a" / "b", "name: x\n") as store:
        assert (tmp_path / "a/b" / SPEC_FILE).read_text() == "name: x\n"
        assert (tmp_path / "a/b" / TRIALS_FOLDER).is_dir()
        assert store.folder == tmp_path / "a/b"
    (tmp_path / "empty").mkdir()
    Store.create(tmp_path / "empty", "").close()


@pytest.mark.parametrize("file", [SPEC_FILE, LOG_FILE])
def test_a_directory_with_a_sweep_is_refused_and_resume_named(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("")
    with pytest.raises(BadInput, match=f"ratefront resume {tmp_path}"):
        Store.create(tmp_path, "")
    assert everything(tmp_path) == {file}


def test_a_directory_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(BadInput, match="not empty"):
        Store.create(tmp_path, "")
    with pytest.raises(BadInput, match="--out"):
        Store.create(tmp_path / "thesis.tex", "")
    assert everything(tmp_path) == {"thesis.tex"}
    assert (tmp_path / "thesis.tex").read_text() == "years"


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written") as refused:
        Store.create(tmp_path / "file" / "sweep", "")
    assert "\n" not in str(refused.value)
    assert everything(tmp_path) == {"file"}


@pytest.mark.parametrize("existed", [True, False])
def test_a_directory_that_could_not_be_filled_is_taken_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    def fails(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    if existed:
        (tmp_path / "a").mkdir()
    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(BadInput, match="No space left"):
        Store.create(tmp_path / "a" / "b", "name: x\n")
    assert everything(tmp_path) == ({"a"} if existed else set())


def test_without_locks_nothing_is_begun_and_nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Lustre mounted without `flock`."""

    def fails(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", fails)
    with pytest.raises(BadInput, match="has no locks"):
        Store.create(tmp_path / "a" / "b", "name: x\n")
    assert everything(tmp_path) == set()
    monkeypatch.setenv("RATEFRONT_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match="RATEFRONT_CACHE"):
        hold(parse_location("s3://bucket/sweep"))


@pytest.mark.parametrize(
    ("ended", "said"), [(False, "being written by process"), (True, "holds a sweep already")]
)
def test_of_two_that_begin_at_once_the_second_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: bool, said: str
) -> None:
    """It looks before the first begins, and goes on while that writes, or has written."""
    looked, first = log_file.check_new, []
    folder = tmp_path / "sweep"

    def looks(place: Path) -> None:
        looked(place)
        monkeypatch.setattr(log_file, "check_new", looked)
        first.append(Store.create(folder, "name: first\n"))
        if ended:
            first[0].close()

    monkeypatch.setattr(log_file, "check_new", looks)
    with pytest.raises(BadInput, match=said):
        Store.create(folder, "name: second\n")
    assert (folder / SPEC_FILE).read_text() == "name: first\n"
    assert (folder / TRIALS_FOLDER).is_dir()
    if not ended:
        first[0].append("sweep", name="first")
        first[0].close()
    with Store.open(folder) as store:
        assert len(store.read().events) == (not ended)


def test_a_folder_that_is_no_sweep_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no sweep directory"):
        Store.open(tmp_path)
    assert everything(tmp_path) == set()
