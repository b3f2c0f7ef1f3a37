"""Sweeps whose processes are killed for real, without a warning, and what `resume` makes of them.

A codec of the tests' own waits after a third of its training while a file exists: so a kill hits
a trial that is half trained, however fast the machine is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cluster.cli import main
from tests.cluster import without_ray
from tests.cluster.motion import write_motion
from tests.cluster.processes import Process, below, gone, is_trial, kill
from tests.cluster.sweeping import Event, events, points, ratefront
from trainables.rungs import RUNGS, reported, scored

pytestmark = pytest.mark.ray
ROOT = Path(__file__).resolve().parents[2]
TIMES = ("train_seconds", "evaluate_seconds")
SHARES = list(reported(scored(RUNGS, 12)))

HELD = """
import time
from dataclasses import replace
from pathlib import Path
from search_spaces.families import family_of
from trainables.codecs.registry import register_codec
from trainables.codecs.rqvae import RQVAECodec

GATE = Path({gate!r})

class Held(RQVAECodec):
    family = "held"

    def fit(self, data, runtime, until=1.0):
        while until == 2 / 3 and GATE.exists():
            time.sleep(0.05)
        return super().fit(data, runtime, until)

register_codec(replace(family_of({{"codec": "rqvae"}}), name="held", title="held"), Held)
"""

SEARCH = """
plugins: [{plugin}]
objectives: [rate_nominal_bps, rmse_full_cm]
search: {{sampler: tpe, trials: 4, startup: 2}}
space:
  parameters:
    - {{name: codec, choices: [kmeans, held]}}
    - {{name: codebook_size, choices: [4, 8, 16]}}
    - {{name: quantizer_depth, when: {{codec: held}}, low: 1, high: 3, integer: true}}
    - {{name: learning_rate, when: {{codec: held}}, low: 0.0003, high: 0.005, log: true}}
  fixed: {{iterations: 5, max_steps: 12, hidden_dim: 16, latent_dim: 8}}
"""

CELLS = """
plugins: [{plugin}]
objectives: [rate_nominal_bps, rmse_full_cm]
search: {{sampler: cells}}
space:
  cells:
    - {{codec: held, codebook_size: 8, quantizer_depth: 2}}
    - {{codec: kmeans, codebook_size: 8}}
  fixed: {{iterations: 5, max_steps: 12, hidden_dim: 16, latent_dim: 8}}
"""


@dataclass(frozen=True)
class Place:
    """Where a sweep is run and killed."""

    folder: Path

    @property
    def gate(self) -> Path:
        """While it is there, trials of the codec `held` wait at half of their training."""
        return self.folder / "gate"

    def command(self, spec: str, out: str, *more: str) -> list[str]:
        """A sweep by a spec, one trial at a time."""
        return ["sweep", str(self.folder / spec), "--data", str(self.folder / "motion"),
                "--out", str(self.folder / out), "--concurrency", "1", *more]  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A driver in a process group of its own."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("ratefront")), *arguments],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def halfway(self, driver: subprocess.Popen[str], out: str) -> Process:
        """The process of the trial that waits after a third of its training."""
        log = self.folder / out / "log.jsonl"
        soon(lambda: log.exists() and '"share":0.3333' in log.read_text(), driver)
        (trial,) = (p for p in below(driver.pid) if is_trial(p))
        return trial


def soon(
    happened: Callable[[], bool], driver: subprocess.Popen[str] | None = None, limit: float = 120
) -> None:
    """Waits until something happened."""
    until = time.monotonic() + limit
    while not happened():
        if driver is not None and driver.poll() is not None:
            raise AssertionError(f"the driver ended: {driver.communicate()[0]}")
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.05)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Motion, two specs, and the gate closed."""
    write_motion(tmp_path / "motion", recordings=5, frames=40)
    place = Place(tmp_path)
    plugin = tmp_path / "held.py"
    plugin.write_text(HELD.format(gate=str(place.gate)))
    (tmp_path / "search.yaml").write_text(SEARCH.format(plugin=plugin))
    (tmp_path / "cells.yaml").write_text(CELLS.format(plugin=plugin))
    place.gate.touch()
    return place


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Equal to the bit, but for the time it took."""
    assert list(found["point"]) == list(wanted["point"]) and found["point"].is_unique
    for column in set(wanted.columns) - {*TIMES, "sweep", "codec_bytes"}:
        if wanted[column].dtype.kind in "fiu":
            assert np.array_equal(found[column], wanted[column], equal_nan=True), column
        else:
            assert found[column].equals(wanted[column]), column


def shares(folder: Path, trial: str) -> list[float]:
    """Shares of training at which a trial reported, in order."""
    return [e["row"]["share"] for e in events(folder, "progress") if e["trial"] == trial]


def curve(folder: Path, trial: str) -> list[Event]:
    rows: list[Event] = json.loads((folder / "trials" / trial / "curve.json").read_text())
    return rows


def resumed_equals_uninterrupted(place: Place, *, whole_family: bool) -> None:
    """Kills a driver at a third of a trial, resumes, and compares with a run that nothing hit."""
    driver = place.start(*place.command("search.yaml", "cut"))
    folder = place.folder / "cut"
    trial = place.halfway(driver, "cut")
    assert main(["resume", str(folder)]) == 2, "a second driver"
    family = below(driver.pid)
    # Its title says what it does at the moment, so it is known by its number.
    assert len(family) > 2 and trial.pid in {p.pid for p in family}
    scratch = [p.parent for p in Path("/tmp").glob("ratefront-*/ray") if _is_of(p, family)]
    before = (folder / "log.jsonl").read_bytes()
    driver.kill()
    for process in family if whole_family else ():
        kill(process)
    driver.wait()
    assert (folder / "log.jsonl").read_bytes() == before
    half = {e["trial"] for e in events(folder, "started")} - {
        e["trial"] for e in events(folder, "done")
    }
    place.gate.unlink()
    straight = subprocess.Popen(
        [sys.executable, without_ray.__file__, *place.command("search.yaml", "straight")],
        cwd=place.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    resumed = ratefront("resume", str(folder), cwd=place.folder)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "1 trial(s) were under way" in resumed.stdout
    # Two agents of Ray, which only watch, notice a minute later that they are alone.
    workers = [p for p in family if not p.title.endswith("Agent")]
    soon(lambda: all(map(gone, workers)), limit=10)
    assert scratch and not any(p.exists() for p in scratch), "left by the driver that was killed"

    assert (folder / "log.jsonl").read_bytes().startswith(before)
    kinds = [e["event"] for e in events(folder)]
    assert kinds.count("proposed") == kinds.count("done") == 4
    (half_trained,) = half
    # An orphan may have kept its last rung before it ended, with nobody left to report it to.
    assert shares(folder, half_trained) in (SHARES[:-1], SHARES), "it began anew"
    assert [row["share"] for row in curve(folder, half_trained)] == [*SHARES, 1.0]
    for kept in (folder / "trials").iterdir():
        assert not list(kept.glob(".part*")) and not (kept / "state").exists()
    printed, _ = straight.communicate(timeout=120)
    assert straight.returncode == 0, printed
    assert_same(points(folder), points(place.folder / "straight"))
    assert main(["resume", str(folder)]) == 0 and events(folder)[-1]["event"] == "finished"


def _is_of(ray: Path, family: list[Process]) -> bool:
    return any(str(ray) in process.title for process in family)


def test_a_killed_driver_is_resumed_at_once_to_the_points_of_an_uninterrupted_run(
    place: Place,
) -> None:
    """The driver alone: what Ray started must end by itself, and disturb nothing until then."""
    resumed_equals_uninterrupted(place, whole_family=False)


@pytest.mark.long
def test_a_sweep_killed_with_all_its_processes_is_resumed_to_the_same_points(place: Place) -> None:
    resumed_equals_uninterrupted(place, whole_family=True)


@pytest.mark.long
def test_a_killed_trial_is_tried_again_from_its_rung(place: Place) -> None:
    driver = place.start(*place.command("cells.yaml", "tried", "--retries", "1"))
    kill(place.halfway(driver, "tried"))
    place.gate.unlink()
    printed, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, printed
    folder = place.folder / "tried"
    trial = next(e["trial"] for e in events(folder, "proposed") if e["codec"] == "held")
    assert shares(folder, trial) == SHARES, "it began anew"
    rows = curve(folder, trial)
    assert [row["share"] for row in rows] == [*SHARES, 1.0]
    spent = [row["train_seconds"] for row in rows]
    assert spent == sorted(spent)
    kinds = [e["event"] for e in events(folder)]
    assert kinds.count("done") == kinds.count("started") == 2 and "failed" not in kinds
    assert list(points(folder)["point"].str[-3:]) and len(points(folder)) == 3


@pytest.mark.long
@pytest.mark.parametrize(("allowed", "code"), [(None, 1), (0, 1), (1, 0)])
def test_a_killed_trial_without_retries_is_failed_and_the_sweep_goes_on(
    place: Place, allowed: int | None, code: int
) -> None:
    more = () if allowed is None else ("--max-failures", str(allowed))
    driver = place.start(*place.command("cells.yaml", "failed", *more))
    kill(place.halfway(driver, "failed"))
    place.gate.unlink()
    printed, _ = driver.communicate(timeout=120)
    assert driver.returncode == code, printed
    folder = place.folder / "failed"
    (failed,) = events(folder, "failed")
    assert "died" in failed["reason"] and "\n" not in failed["reason"]
    report = (folder / "report.html").read_text()
    assert failed["reason"].split(":")[0] in report
    trials = pd.read_csv(folder / "trials.csv").set_index("codec")
    if allowed == 0:  # one too many: nothing new begins
        assert dict(trials["status"]) == {"held": "failed"} and points(folder).empty
        assert "1 trial failed, max_failures is 0" in report
    else:
        assert dict(trials["status"]) == {"held": "failed", "kmeans": "done"}
        assert set(points(folder)["codec"]) == {"kmeans"}
    again = ratefront("resume", str(folder), cwd=place.folder)
    assert again.returncode == 0 and "is finished" in again.stdout
    # What was cut off between the end and the report still exits as the whole run did.
    (folder / "report.html").unlink()
    assert ratefront("resume", str(folder), cwd=place.folder).returncode == code


@pytest.mark.long
def test_a_hanging_trial_is_failed_by_its_time_limit(place: Place) -> None:
    """The gate stays closed, so the trial would wait for ever."""
    limit = ("--trial-timeout", "15")
    ended = ratefront(*place.command("cells.yaml", "hung", *limit), cwd=place.folder)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    (failed,) = events(place.folder / "hung", "failed")
    assert "trial_timeout" in failed["reason"] and "15 s" in failed["reason"]
    assert set(points(place.folder / "hung")["codec"]) == {"kmeans"}
    assert "trial_timeout" in (place.folder / "hung" / "report.html").read_text()
    note = place.folder / "hung" / "trials" / failed["trial"] / "timeout.txt"
    assert "held.py" in note.read_text(), "says where it hung"
