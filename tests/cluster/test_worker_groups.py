"""Worker groups: two workers train what one trains, and a stopped trial gives its cores back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from cluster import placement_groups
from cluster.jobs import GroupRuntime, LocalRuntime
from cluster.placement_groups import NOTE, note_placement_group, release_placement_groups
from search_spaces.families import complete
from tests.cluster import stop_a_group, two_workers
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

ROOT = Path(__file__).parents[2]
TOLERANCE = 0.01
"""Of a score, between one worker and two. Batches, first codebooks and redrawn codes are the same;
sums run in another order, so scores agree to some 1e-7 until a frame that lies between two codes
falls the other way. Another seed changes the scores of this motion by up to a tenth."""
SECONDS = 30.0
"""Within which the cores of a stopped trial are free."""


# ---- the same numbers ------------------------------------------------------------------------


@pytest.mark.parametrize("codec", two_workers.CONFIGS)
def test_local_and_a_group_of_one_are_equal_to_the_bit(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real runtimes of both placements; only where they report to is replaced."""
    told: dict[str, list[Any]] = {"tune": [], "train": []}
    monkeypatch.setattr("ray.tune.report", told["tune"].append)
    monkeypatch.setattr("ray.train.report", told["train"].append)
    alone = SimpleNamespace(get_world_rank=lambda: 0, get_world_size=lambda: 1)
    monkeypatch.setattr("ray.train.get_context", lambda: alone)
    monkeypatch.setattr("ray.train.torch.get_device", lambda: "cpu")
    data = prepare(spec(), make_clips(6, 45))
    steps = {} if codec == "kmeans" else {"max_steps": 12}
    config = complete({**two_workers.CONFIGS[codec], **steps})
    runtimes = (
        PlainRuntime(), LocalRuntime("cpu", tmp_path / "local"), GroupRuntime(tmp_path / "group"),
    )  # fmt: skip
    timed = {"train_seconds", "evaluate_seconds"}
    rows = [run_trial(TrialTask("x", config, 0, None, 1), data, runtime) for runtime in runtimes]
    plain, local, group = (
        repr([{k: v for k, v in row.items() if k not in timed} for row in each]) for each in rows
    )
    assert plain == local == group
    assert len(told["tune"]) == len(told["train"]) == len(runtimes[0].reports)
    assert told["tune"][-1]["points"] and told["train"][-1]["points"]


@pytest.mark.long
def test_two_workers_score_as_one_does(tmp_path: Path) -> None:
    """Real processes, joined by gloo."""
    program = [sys.executable, str(Path(two_workers.__file__))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen([*program, rank, size, str(tmp_path), "1", "100"], env=environment)
        for rank, size in (("0", "1"), ("0", "2"), ("1", "2"))
    ]
    assert [w.wait(timeout=280) for w in workers] == [0, 0, 0]
    weights = [json.loads((tmp_path / f"weights-2-{rank}.json").read_text()) for rank in (0, 1)]
    assert weights[0] == weights[1], "workers hold one model"
    one, two = (json.loads((tmp_path / f"rows-{size}.json").read_text()) for size in (1, 2))
    assert one.keys() == two.keys() and len(one) == 3
    for trial, rows in one.items():
        assert len(rows) == len(two[trial])
        for a, b in zip(rows, two[trial], strict=True):
            for column in ("val_rmse_full_cm", "test_rmse_full_cm", "val_rate_entropy_bps"):
                near = 0.0 if trial.startswith("kmeans") else TOLERANCE
                assert b[column] == pytest.approx(a[column], rel=near, abs=0), (trial, column)


# ---- placement groups ------------------------------------------------------------------------


class FakeGroups:
    """Stands for Ray's table of placement groups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **states: str) -> None:
        self.states, self.removed = states, []
        table, remove = self._table, self._remove
        monkeypatch.setattr(ray.util, "placement_group_table", table)
        monkeypatch.setattr(ray.util, "remove_placement_group", remove)

    def _table(self, group: Any) -> dict[str, str]:
        state = self.states.get(group.id.hex()[0])
        return {"state": state} if state else {}

    def _remove(self, group: Any) -> None:
        self.removed.append(group.id.hex()[0])


def identity(letter: str) -> str:
    return letter * 2 * ray.PlacementGroupID.size()


def test_only_what_a_trial_noted_and_still_stands_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = FakeGroups(monkeypatch, a="REMOVED", b="CREATED", c="PENDING", d="CREATED")
    assert release_placement_groups(tmp_path) == []
    for letter in "abce":  # d is another trial's; of e nothing is known
        current = SimpleNamespace(id=ray.PlacementGroupID.from_hex(identity(letter)))
        monkeypatch.setattr(ray.util, "get_current_placement_group", lambda c=current: c)
        note_placement_group(tmp_path)
    assert (tmp_path / NOTE).read_text().split() == [identity(c) for c in "abce"]
    assert release_placement_groups(tmp_path) == [identity("b"), identity("c")]
    assert groups.removed == ["b", "c"]
    assert not (tmp_path / placement_groups.NOTE).exists()


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.parametrize("dashboard", ["no", "yes"])
def test_a_stopped_trial_gives_its_cores_back(dashboard: str, tmp_path: Path) -> None:
    """Two workers hold both cores of a session when Tune stops their trial at its first rung."""
    program = [sys.executable, str(Path(stop_a_group.__file__)), str(tmp_path), dashboard, "yes"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    ended = subprocess.run(
        program, env={**environment, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
        capture_output=True, text=True, timeout=290,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    said = json.loads(ended.stdout.splitlines()[-1])
    assert not said["points"], "it was stopped, not done"
    assert said["freed"] < SECONDS and said["left"] == 0, said
