"""What runs at the place: begins or resumes, with a token or not at all; and nodes that meet."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cluster.places import entrypoint, nodes, symmetric
from cluster.places.entrypoint import check_token, command_for
from search_spaces.errors import BadInput
from search_spaces.presets import load_spec


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    place = tmp_path / "spec.yaml"
    place.write_text(load_spec("rate_distortion", size="debug").dump())
    return place


def test_a_new_folder_is_swept_and_a_begun_one_resumed(spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command_for(spec, str(out)) == ["sweep", str(spec), "--out", str(out)]
    out.mkdir()
    # What a sweep that began writes: objectives and data are resolved.
    begun = load_spec("rate_distortion", size="debug", overrides={"data": {"path": "embedded:2d"}})
    (out / "sweep.yaml").write_text(begun.dump())
    assert command_for(spec, str(out)) == ["resume", str(out)]


def test_a_warm_start_is_known_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that begins writes down where the earlier one lies from the root."""
    monkeypatch.chdir(tmp_path)
    asked = load_spec("rate_distortion", size="debug", settings=["warm_start=earlier"])
    (tmp_path / "spec.yaml").write_text(asked.dump())
    search = asked.search.model_copy(update={"warm_start": (str(tmp_path / "earlier"),)})
    (tmp_path / "out").mkdir()
    begun = asked.model_copy(update={"search": search})
    (tmp_path / "out" / "sweep.yaml").write_text(begun.dump())
    assert command_for(tmp_path / "spec.yaml", "out") == ["resume", "out"]


def test_another_sweep_is_not_resumed_by_mistake(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(load_spec("klezovich/table1", size="debug").dump())
    with pytest.raises(BadInput, match="holds another sweep"):
        command_for(spec, str(tmp_path))


def test_without_a_token_nothing_starts(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("x")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    for mode in ("", "disabled"):
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
        with pytest.raises(BadInput, match="no token"):
            check_token()
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    check_token()
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    assert entrypoint.main(["--spec", str(spec), "--out", str(tmp_path / "out")]) == 2
    assert "no token authentication" in capsys.readouterr().err
    meet = ["--meet", str(tmp_path), "--finished", str(tmp_path / "finished")]
    node = ["--nodes", "1", "--cpus", "1", *meet, "--", "--spec", str(spec)]
    assert symmetric.main(node) == 1
    assert not (tmp_path / "finished").exists()


def test_too_few_nodes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    there = iter([1, 2, 4])
    monkeypatch.setattr(nodes, "alive_nodes", lambda address: next(there))
    monkeypatch.setattr(nodes.time, "sleep", lambda seconds: None)
    nodes.await_nodes("a:1", 4, 60)
    monkeypatch.setattr(nodes, "alive_nodes", lambda address: 3)
    with pytest.raises(BadInput, match="3 of 4 nodes of the Ray cluster at a:1"):
        nodes.await_nodes("a:1", 4, 0)
    with pytest.raises(BadInput, match="0 of 4"):
        nodes.await_nodes("a:1", 4, 60, lambda: False)


def test_nodes_meet_by_attempt(tmp_path: Path) -> None:
    job = {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0"}
    head = symmetric.Meeting(tmp_path, job)
    follower = symmetric.Meeting(tmp_path, {**job, "SLURM_PROCID": "3"})
    later = symmetric.Meeting(tmp_path, {**job, "SLURM_RESTART_COUNT": "1"})
    assert (head.rank, follower.rank) == (0, 3) and follower.head() is None
    head.announce("host:1", Path("/tmp/rfray-x"))
    assert follower.head() == ("host:1", Path("/tmp/rfray-x"))
    assert later.head() is None  # a restart does not join the head that is gone
    head.close()
    assert follower.head() is None


def test_a_node_without_a_head_gives_up(tmp_path: Path) -> None:
    place = symmetric.Meeting(tmp_path, {"SLURM_JOB_ID": "7", "SLURM_PROCID": "1"})
    with pytest.raises(BadInput, match="no head within 0 s"):
        symmetric.follow(place, [], 0)


def test_what_was_started_is_ended_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for `ray` that leaves a child behind, as Ray's daemons would be."""
    program = tmp_path / "bin" / "ray"
    program.parent.mkdir()
    program.write_text("#!/bin/bash\nsleep 60 &\necho $! > child\nwait\n")
    program.chmod(0o755)
    monkeypatch.setattr(symmetric.sys, "executable", str(program.with_name("python")))
    with symmetric.ray_node(["--address=a:1"], tmp_path) as node:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text().strip():
            pass
        child = int((tmp_path / "child").read_text())
        assert Path(f"/proc/{child}").exists()
    assert node.poll() is not None
    stat = Path(f"/proc/{child}/stat")
    until = time.monotonic() + 10  # the kernel takes a moment
    while stat.exists() and stat.read_text().split()[2] != "Z":
        assert time.monotonic() < until
        time.sleep(0.01)
