"""Machines that nobody uses are given back, whatever became of the driver."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from cluster.places import idle
from cluster.places.dispatch import rendered
from cluster.places.idle import LOOK_SECONDS, replace_earlier, watch
from tests.cluster.places.given import AWS, FOLDER, HOSTS, KUBERAY, submission

MACHINES = {"nodes": 4, "cpus": 16, "gpus": 2, "memory_gb": 64, "hours": 36.5}


def test_idleness_counts_from_the_last_job_and_ends_the_watch() -> None:
    now, looks = [0.0], [0]

    def busy() -> bool:
        looks[0] += 1
        if looks[0] == 3:
            raise ConnectionError("the dashboard is gone")
        return looks[0] in (1, 2, 5)

    watch(busy, 5, lambda: now[0], lambda s: now.__setitem__(0, now[0] + s))
    assert now[0] == 5 * LOOK_SECONDS + 5 * 60


def test_an_earlier_watch_is_ended_and_no_other_process(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    sleeps = "import time; print(flush=True); time.sleep(60)"
    words = ([sys.executable, "-c", sleeps, "cluster.places.idle"], [sys.executable, "-c", sleeps])
    codes = []
    for command in words:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            place.write_text(str(process.pid))
            replace_earlier(place)
            try:
                codes.append(process.wait(timeout=2))
            except subprocess.TimeoutExpired:
                codes.append(0)
                process.kill()
    assert codes == [-15, 0]
    assert int(place.read_text()) > 0


def test_the_watch_takes_the_cluster_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        ran.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(idle.subprocess, "run", run)
    words = ["--minutes", "0", "--config", str(tmp_path / "c.yaml"), "--pid", str(tmp_path / "p")]
    assert idle.main(words) == 0
    assert ran == [["ray", "down", "--yes", str(tmp_path / "c.yaml")]]


def test_places_are_told_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def document(place: dict[str, Any], minutes: float) -> Any:
        machines = {**MACHINES, "idle_minutes": minutes}
        return [*yaml.safe_load_all(rendered(submission(place, machines=machines), FOLDER)[0])][-1]

    (start,) = document(AWS, 25)["head_start_ray_commands"][2:]
    assert "cluster.places.idle --minutes 25" in start and "RAY_AUTH_MODE=token" in start
    assert len(document(AWS, 0)["head_start_ray_commands"]) == 2
    assert len(document(HOSTS, 25)["head_start_ray_commands"]) == 2, "one's own machines stay on"
    assert document(KUBERAY, 25)["spec"]["ttlSecondsAfterFinished"] == 1500
    # What was submitted before there was a choice is found again.
    assert submission(AWS).id == submission(AWS, machines={**MACHINES, "idle_minutes": 10}).id
    assert submission(AWS).id != submission(AWS, machines={**MACHINES, "idle_minutes": 25}).id
