"""Directories, disks and clusters that cannot be used, and how a sweep that ran may end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.cli import main
from search_spaces.record import LOG_FILE, RECORD_VERSION, SPEC_FILE
from tests.cluster.refusing import CONFIGURATION, DEBUG, Refused

TABLES = (["resume"], ["report"], ["best", "--at", "300"])
"""Commands that read a sweep."""

# ---- directories ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", TABLES)
def test_what_is_no_sweep(command: list[str], refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("x")
    for folder in (tmp_path, tmp_path / "gone", file):
        refused(command[0], folder, *command[1:], words=(folder, "no sweep directory", "--out"))
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def changed(swept: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a sweep whose first event is another."""
    shutil.copytree(swept, folder)
    first, *rest = (folder / LOG_FILE).read_text().splitlines()
    event = json.loads(first)
    change(event)
    (folder / LOG_FILE).write_text("\n".join([json.dumps(event), *rest]) + "\n")
    return folder


@pytest.mark.parametrize("command", TABLES)
def test_newer_records(command: list[str], refused: Refused, swept: Path, tmp_path: Path) -> None:
    newer = changed(swept, tmp_path / "newer", lambda e: e.update(record_version=99))
    before = sorted(p.name for p in newer.iterdir())
    words = (LOG_FILE, "99", str(RECORD_VERSION), "upgrade")
    refused(command[0], newer, *command[1:], words=words)
    assert set(p.name for p in newer.iterdir()) - set(before) <= {".owner.lock"}


def test_a_spec_that_was_edited_badly(refused: Refused, swept: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(swept, edited)
    (edited / LOG_FILE).write_text("")
    (edited / SPEC_FILE).write_text("name: x\npreset: x\nspace: {}\nrun: 3\n")
    refused("resume", edited, words=(SPEC_FILE, "run"))


@pytest.mark.parametrize("command", [["status"], ["report"], ["resume"]])
def test_a_bucket_that_does_not_answer(
    command: list[str], refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow.fs")
    monkeypatch.setenv("RATEFRONT_STORAGE_SECONDS", "0.2")
    monkeypatch.setenv("RATEFRONT_CACHE", str(tmp_path / "cache"))
    keys = tmp_path / "keys"
    keys.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    nowhere = f"s3://lab/x?endpoint_override=http://127.0.0.1:9&credentials={keys}"
    refused(command[0], nowhere, words=("no connection to the bucket", "again"))


def test_newer_spec(refused: Refused, swept: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(swept, newer)
    (newer / LOG_FILE).write_text("")
    (newer / SPEC_FILE).write_text("spec_version: 99\nname: x\npreset: x\nspace: {}\n")
    refused("resume", newer, words=(SPEC_FILE, "99", "release"))


@pytest.mark.parametrize("command", TABLES)
def test_damaged_log(command: list[str], refused: Refused, swept: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(swept, damaged)
    lines = (damaged / LOG_FILE).read_text().splitlines()
    (damaged / LOG_FILE).write_text("\n".join([lines[0], lines[1][:20], *lines[2:]]) + "\n")
    refused(command[0], damaged, *command[1:], words=(LOG_FILE, "line 2", "damaged"))


def test_places_for_a_sweep(refused: Refused, swept: Path, motion: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    below = tmp_path / "notes.txt" / "sweep"
    start = ("sweep", *DEBUG, "--data", motion, "--out")
    refused(*start, swept, words=(f"ratefront resume {swept}",))
    refused(*start, tmp_path, words=(tmp_path, "not empty", "--out"))
    refused(*start, tmp_path / "notes.txt", words=("notes.txt", "--out"))
    refused(*start, below, words=(below, "--out"))
    refused(*start, "/proc/ratefront/sweep", words=("/proc/ratefront/sweep", "--out"))
    trial = ("trial", *DEBUG, "--data", motion, *CONFIGURATION, "--out")
    refused(*trial, tmp_path, words=(tmp_path, "not empty", "--out"))
    refused(*trial, below, words=(below, "--out"))
    refused(*trial, "/proc/ratefront/one", words=("/proc/ratefront/one", "--out"))
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_no_space_left_at_the_start(
    refused: Refused, motion: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = os.fsync, [0]

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    for before in range(4):  # the folder, then the events of the beginning
        left[0] = before
        words = ("No space left on device", refused.out)
        if before:  # before that it is the folder that cannot be made
            words = (*words, "nothing is left behind: mend that and give the command again")
        refused("sweep", *DEBUG, "--data", motion, words=words)
        refused.out.mkdir(parents=True)
        given = ("sweep", *DEBUG, "--data", motion, "--out", refused.out)
        left[0] = before
        assert main([str(a) for a in given]) == 2
        assert list(refused.out.iterdir()) == []
        shutil.rmtree(refused.out.parent.parent)


def test_no_space_left_for_the_report(
    refused: Refused, swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(swept, copy)

    def full(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    refused("report", copy, words=("No space left on device", copy))


@pytest.mark.long
@pytest.mark.ray
def test_no_space_left_in_the_middle(
    motion: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk fills up after the first trial: one line; what was acknowledged is taken up."""
    out = tmp_path / "sweep"
    real, left = os.fsync, [10]

    def full(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").endswith(LOG_FILE):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    settings = ("--set", "codec=kmeans", "--set", "codebook_size=4,8", "--concurrency", "1")
    started = ["sweep", *DEBUG, "--data", str(motion), "--out", str(out), *settings]
    assert main([*started, "--trials", "3", "--set", "sampler=random"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left" in line and f"ratefront resume {out}" in line
    acknowledged = (out / LOG_FILE).read_text().splitlines()
    assert len(acknowledged) == 10
    monkeypatch.undo()
    assert main(["resume", str(out)]) == 0
    capsys.readouterr()
    events = [json.loads(text) for text in (out / LOG_FILE).read_text().splitlines()]
    assert [json.dumps(e, separators=(",", ":")) for e in events[:10]] == acknowledged
    ended = [e["trial"] for e in events if e["event"] in ("done", "refused")]
    points = [(e["trial"], e["row"]["depth"]) for e in events if e["event"] == "point"]
    assert len(set(ended)) == len(ended) > 0 and len(set(points)) == len(points)
    assert main(["report", str(out)]) == 0


# ---- clusters ------------------------------------------------------------------------------


def test_unreachable_cluster(refused: Refused, motion: Path) -> None:
    start = ("sweep", *DEBUG, "--data", motion, "--address")
    began = time.monotonic()
    refused(*start, "127.0.0.1:1", words=("--address 127.0.0.1:1", "ray start"))
    refused(*start, "nowhere", words=("--address nowhere", "HOST:PORT"))
    refused(*start, "127.0.0.1:99999", words=("127.0.0.1:99999", "HOST:PORT"))
    assert time.monotonic() - began < 20


@pytest.mark.long
@pytest.mark.ray
def test_a_cluster_that_listens_and_says_nothing(motion: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = subprocess.run(
            [Path(sys.executable).with_name("ratefront"), "sweep", *DEBUG, "--data", motion,
             "--out", tmp_path / "x", "--address", address],
            capture_output=True, text=True, timeout=60, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("ratefront: ") and address in line
    assert not (tmp_path / "x").exists()


# ---- how a sweep that ran may end ----------------------------------------------------------


@pytest.mark.parametrize(
    ("failed", "allowed", "code"), [(0, 0, 0), (1, 0, 1), (2, 2, 0), (3, 2, 1)]
)
@pytest.mark.parametrize("command", ["sweep", "resume"])
def test_failures_within_what_is_allowed(
    command: str, failed: int, allowed: int, code: int, swept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cluster import sweep

    outcome = sweep.Outcome(swept, failed, allowed, points=3)
    monkeypatch.setattr(sweep, "start", lambda *_, **__: outcome)
    monkeypatch.setattr(sweep, "resume", lambda *_, **__: outcome)
    monkeypatch.setattr(sweep, "publish", lambda *_, **__: None)
    more = [*DEBUG, "--out", str(swept)] if command == "sweep" else [str(swept)]
    assert main([command, *more]) == code


def test_interrupted(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cluster import sweep

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "resume", interrupt)
    assert main(["resume", str(swept)]) == 130
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("ratefront: ") and "ratefront resume" in line


# ---- answers that are none -----------------------------------------------------------------


def test_best_names_the_nearest(swept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", str(swept), "--at", "0.5"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "0.5" in line and "nearest" in line
