"""Scratch folders of Ray sessions: gone with a driver that was killed, kept while it lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from cluster import session
from search_spaces.errors import BadInput


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


def test_a_cluster_that_asks_for_a_token_is_told_how_to_give_one(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself says no more than that it cannot connect."""
    import ray

    def fails(**_: object) -> None:
        raise ConnectionError("Failed to connect")

    monkeypatch.setattr(ray, "init", fails)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BadInput, match="set RAY_AUTH_MODE=token"), session.ray_session(address):
            pass
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        with pytest.raises(BadInput) as said, session.ray_session(address):
            pass
        assert "RAY_AUTH_MODE" not in str(said.value)
