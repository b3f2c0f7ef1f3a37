"""Scratch folders of Ray sessions: gone with a driver that was killed, kept while it lives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster import session


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where scratch folders are made."""
    monkeypatch.setattr(session, "SCRATCH_PARENT", tmp_path)
    return tmp_path


def scratch(parent: Path, name: str) -> Path:
    folder = parent / f"{session.SCRATCH_PREFIX}{name}"
    (folder / "ray" / "session").mkdir(parents=True)
    return folder


def test_a_folder_goes_when_its_driver_was_killed_and_not_before(parent: Path) -> None:
    folder = scratch(parent, "one")
    told, tell = os.pipe()
    driver = os.fork()
    if driver == 0:
        os.close(told)
        held = session._claim(folder)
        os.write(tell, b"x" if held else b"")
        os.kill(os.getpid(), 19)  # stops, as a driver that is busy
    os.read(told, 1)
    assert session.remove_abandoned() == [] and folder.is_dir()
    os.kill(driver, 9)
    os.waitpid(driver, 0)
    assert session.remove_abandoned() == [folder] and not folder.exists()


def test_what_nobody_marked_is_left_alone(parent: Path) -> None:
    """Somebody else's, or a driver's in its first moment."""
    folder, other = scratch(parent, "unmarked"), parent / "something"
    other.mkdir()
    assert session.remove_abandoned() == []
    assert folder.is_dir() and other.is_dir()
